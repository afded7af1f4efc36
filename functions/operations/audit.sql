-- Writes down who did something by hand: what was changed, by which role, for whom.
create or replace function learn_internal.audit(
  p_action text, p_object text, p_about_user uuid default null, p_key jsonb default '{}',
  p_old jsonb default null, p_new jsonb default null
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn.audit_log
    (about_user, action, object, object_key, old_values, new_values, acting_role, login_role, acting_user)
  values (p_about_user, p_action, p_object, p_key, p_old, p_new,
    coalesce(nullif(current_setting('role'), 'none'), session_user), session_user,
    left(coalesce(nullif(current_setting('learn.acting_user', true), ''),
      nullif(current_setting('learn.user_id', true), '')), 200));
end;
$$;
comment on function learn_internal.audit(text, text, uuid, jsonb, jsonb, jsonb) is
  'Writes a row of audit_log: who did what, to what, about whom.';

-- What was done to one user by hand, the newest last: XP and achievements given and taken, rights changed.
-- Errors: LX002 nobody has that id, and nothing is known of it.
create or replace function learn.audit_trail(p_user_id uuid)
returns table (
  happened_at timestamptz, action text, object text, object_key jsonb, old_values jsonb, new_values jsonb,
  acting_role text, login_role text, acting_user text)
language plpgsql
stable
security definer                  -- no app role reads the log
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  return query
  select a.created_at, a.action, a.object, a.object_key, a.old_values, a.new_values,
    a.acting_role::text, a.login_role::text, a.acting_user
  from learn.audit_log a
  where a.about_user = p_user_id
  order by a.created_at, a.id;
  if not found and not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Pass the id of a row of learn.users, or of a user that was erased.';
  end if;
end;
$$;
comment on function learn.audit_trail(uuid) is
  'What was done to one user by hand, the newest last: what, by which role, for whom. Erased users have one, too.';
grant execute on function learn.audit_trail(uuid) to learn_app;
