-- Declares a certificate invalid, for a reason: verify_certificate() says so from then on.
-- The row stays, so that the course does not give another. Again, it changes nothing.
-- Errors: LX001 no reason; LX003 unknown certificate.
create or replace function learn.revoke_certificate(p_certificate_number text, p_reason text)
returns boolean
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_user_id uuid;
begin
  perform learn_internal.require_size('p_certificate_number', length(p_certificate_number), 200);
  p_reason := learn_internal.require_text('p_reason', p_reason, 2000);
  perform learn_internal.hold_content();
  if coalesce(p_reason, '') !~ E'\\S' then
    raise exception 'a certificate is revoked for a reason'
      using errcode = 'LX001', detail = format('p_reason = %L', p_reason),
        hint = 'Say why: learn.nft_certificates.revoked_reason keeps it.';
  end if;
  update learn.nft_certificates c
  set revoked_at = learn.clock(), revoked_reason = p_reason
  where c.certificate_number = p_certificate_number and c.revoked_at is null
  returning c.user_id into v_user_id;
  if found then
    perform learn_internal.audit('revoke_certificate', 'certificate', v_user_id,
      jsonb_build_object('certificate_number', p_certificate_number));
    return true;
  end if;
  if not exists (
    select from learn.nft_certificates c where c.certificate_number = p_certificate_number)
  then
    raise exception 'there is no such certificate'
      using errcode = 'LX003',
        detail = format('p_certificate_number = %s', coalesce(p_certificate_number, 'null')),
        hint = 'Look it up in learn.nft_certificates.';
  end if;
  return false;
end;
$$;
comment on function learn.revoke_certificate(text, text) is
  'Declares a certificate invalid, for a reason. True: it is now; false: it was before.';
grant execute on function learn.revoke_certificate(text, text) to learn_app;
