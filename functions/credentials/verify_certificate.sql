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
