-- Who a session of learn_user acts for. A role of its own comes first, since settings are the session's to change
-- (that of an erased learner is nobody):
-- then the setting learn.user_id, then the claim sub that PostgREST or Supabase have verified (request.jwt.claims), or
-- PostGraphile (jwt.claims.sub). Which claim it is says the platform setting learner_claim.
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
  v_user   uuid;
  v_claim  text;
  v_claims text := nullif(current_setting('request.jwt.claims', true), '');
begin
  select r.user_id into v_user
  from (
    select l.user_id from learn_internal.learner_roles l where l.role_name = session_user
    union all
    select null from learn_internal.erased_roles e where e.role_name = session_user
  ) r
  limit 1;
  if found then
    return v_user;
  end if;
  v_user := nullif(current_setting('learn.user_id', true), '')::uuid;
  if v_user is null then
    v_claim := coalesce((select s.value #>> '{}' from learn.platform_settings s where s.key = 'learner_claim'), 'sub');
    v_user := coalesce(v_claims::jsonb #>> case when v_claim like '{%' then v_claim::text[] else array[v_claim] end,
      nullif(current_setting('jwt.claims.' || v_claim, true), ''))::uuid;
  end if;
  return v_user;
exception
  when data_exception then
    raise exception 'who the learner is cannot be read'
      using errcode = 'LX001',
        detail = format('neither learn.user_id nor the claim %s is a UUID', coalesce(v_claim, 'sub')),
        hint = 'Set learn.user_id to the id of a row of learn.users, or neither.';
end;
$$;
comment on function learn.current_learner() is
  'Who a session of learn_user acts for: the learner of its login role, else the setting learn.user_id, else the '
  'claim sub in request.jwt.claims or jwt.claims.sub; null: nobody.';
grant execute on function learn.current_learner() to learn_app, learn_user, learn_readonly;
