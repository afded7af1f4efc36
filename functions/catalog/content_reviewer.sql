-- Who is at the other end: the login role. What the session says counts only from a login that is trusted as a backend,
-- a member of learn_app: else who submits would say to be somebody else, and approve.
-- Errors: LX001 the setting has characters that nobody sees, or too many.
create or replace function learn_internal.content_reviewer()
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return learn_internal.require_text('learn.acting_user', coalesce(
    case when pg_has_role(session_user, 'learn_app', 'usage') then nullif(current_setting('learn.acting_user', true), '') end,
    session_user::text), 200, true);
end;
$$;
comment on function learn_internal.content_reviewer() is
  'Who submits or reviews: the login role; the setting learn.acting_user where that is a member of learn_app.';
