-- A user's own certificates with what only the user is to see: the codes to verify them by.
-- Errors: LX002.
create or replace function learn.certificates(p_user_id uuid)
returns table (
  course_id bigint, certificate_number text, verify_code text, course_title text,
  completed_on date, issued_at timestamptz, is_valid boolean, revoked_reason text,
  token_id text, collection_id text, serial_number bigint, metadata_uri text,
  tx_id text, hashscan_url text
)
language plpgsql
stable
security definer                  -- verify_code is readable by no app role
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  return query
  select c.course_id, c.certificate_number, c.verify_code, c.course_title,
    c.completed_on, c.issued_at, c.revoked_at is null, c.revoked_reason,
    c.token_id, c.collection_id, c.serial_number, c.metadata_uri, c.tx_id, t.hashscan_url
  from learn.nft_certificates c
  left join learn.transactions t on t.user_id = c.user_id and t.tx_id = c.tx_id
  where c.user_id = p_user_id
  order by c.id;
end;
$$;
comment on function learn.certificates(uuid) is
  'A user''s own certificates in order of issue, with the codes to verify them by: '
  'for the user''s eyes.';
grant execute on function learn.certificates(uuid) to learn_app, learn_user;
