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
