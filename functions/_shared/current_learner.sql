-- Who a session of learn_user acts for. A role of its own comes first, since settings are the session's to change:
-- then the setting learn.user_id, then the claim sub that PostgREST or Supabase have verified (request.jwt.claims), or
-- PostGraphile (jwt.claims.sub).
-- Errors: LX001 the setting or the claim is no UUID.
create or replace function learn.current_learner()
returns uuid
language plpgsql
stable
security definer                  -- which roles are learners is nobody's to read
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_user   uuid := (select r.user_id from learn_internal.learner_roles r where r.role_name = session_user);
  v_claims text := nullif(current_setting('request.jwt.claims', true), '');
begin
  if v_user is null then
    v_user := coalesce(nullif(current_setting('learn.user_id', true), ''), v_claims::jsonb ->> 'sub',
      nullif(current_setting('jwt.claims.sub', true), ''))::uuid;
  end if;
  return v_user;
exception
  when data_exception then
    raise exception 'who the learner is cannot be read'
      using errcode = 'LX001',
        detail = 'neither learn.user_id nor the claim sub is a UUID',
        hint = 'Set learn.user_id to the id of a row of learn.users, or neither.';
end;
$$;
comment on function learn.current_learner() is
  'Who a session of learn_user acts for: the learner of its login role, else the setting learn.user_id, else the '
  'claim sub in request.jwt.claims or jwt.claims.sub; null: nobody.';
grant execute on function learn.current_learner() to learn_app, learn_user, learn_readonly;
