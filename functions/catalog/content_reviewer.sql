-- Who is at the other end: as the session says, else the login role.
-- Errors: LX001 the setting has characters that nobody sees, or too many.
create or replace function learn_internal.content_reviewer()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return learn_internal.require_text('learn.acting_user',
    coalesce(nullif(current_setting('learn.acting_user', true), ''), session_user::text), 200, true);
end;
$$;
comment on function learn_internal.content_reviewer() is 'Who submits or reviews: the setting learn.acting_user, else the login role.';
