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
  if not found then
    perform learn_internal.require_user(p_user_id);
  end if;
end;
$$;
comment on function learn.audit_trail(uuid) is
  'What was done to one user by hand, the newest last: what, by which role, for whom. Erased users have one, too.';
grant execute on function learn.audit_trail(uuid) to learn_app;
