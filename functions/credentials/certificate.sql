-- What anybody may know who holds a certificate's code: what the certificate says, and whether
-- it is valid. No row for an unknown code. A code may be typed with hyphens, blanks and capitals.
-- Errors: LX001 the code has more than 1,000 characters.
create or replace function learn.verify_certificate(p_code text)
returns table (
  certificate_number text, course_title text, recipient text, completed_on date,
  issued_at timestamptz, is_valid boolean, token_id text
)
language plpgsql
stable
security definer                  -- the code is readable by no app role
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_size('p_code', length(p_code), 1000);
  return query
  select c.certificate_number, c.course_title, learn_internal.public_name(c.user_id),
    c.completed_on, c.issued_at, c.revoked_at is null, c.token_id
  from learn.nft_certificates c
  where c.verify_code in (p_code, lower(regexp_replace(p_code, '[-[:space:]]', '', 'g')))
  order by c.verify_code = p_code desc
  limit 1;
end;
$$;
comment on function learn.verify_certificate(text) is
  'What a certificate says, and whether it is valid, for whoever holds its code. '
  'No row for an unknown code. The recipient is the display name, or null.';
grant execute on function learn.verify_certificate(text) to learn_app, learn_user, learn_readonly;

-- A certificate as an Open Badge, for whoever holds its code. Null for an unknown code
-- and for a certificate that was revoked.
-- Errors: LX003 a setting of the issuer is missing or empty.
create or replace function learn.certificate_credential(p_code text)
returns jsonb
language plpgsql
stable
security definer                  -- the code is readable by no app role
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_number      text;
  v_certificate learn.nft_certificates;
  v_course      learn.courses;
  v_url         text := rtrim(learn_internal.setting_string('credential_url'), '/');
  v_id          text;
begin
  select v.certificate_number into v_number
  from learn.verify_certificate(p_code) v
  where v.is_valid;
  if not found then
    return null;
  end if;
  select c.* into v_certificate
  from learn.nft_certificates c where c.certificate_number = v_number;
  select c.* into v_course from learn.courses c where c.id = v_certificate.course_id;
  v_id := v_url || '/certificates/' || v_certificate.verify_code;
  return learn_internal.open_badge(
    v_id, v_certificate.issued_at, learn_internal.public_name(v_certificate.user_id),
    jsonb_strip_nulls(jsonb_build_object(
      'id', coalesce(v_url || '/courses/' || v_course.slug, v_id || '#achievement'),
      'type', jsonb_build_array('Achievement'),
      'achievementType', 'Course',
      'name', v_certificate.course_title,
      'description', coalesce(nullif(v_course.description, ''), v_certificate.course_title),
      'criteria', jsonb_build_object(
        'narrative', format('Completed the course “%s”.', v_certificate.course_title)),
      'image', case when v_course.icon_url ~ E'^https?://\\S+$' then
        jsonb_build_object('id', v_course.icon_url, 'type', 'Image') end)));
end;
$$;
comment on function learn.certificate_credential(text) is
  'A certificate as an unsigned credential of Open Badges 3.0, for whoever holds its code; '
  'null for an unknown code or a revoked certificate.';
grant execute on function learn.certificate_credential(text) to learn_app, learn_user, learn_readonly;

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
