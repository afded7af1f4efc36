-- Whether the session is a learner's own: it acts as a member of learn_user that is none of learn_app.
create or replace function learn_internal.is_learner()
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role name := coalesce(nullif(current_setting('role'), 'none'), session_user);
begin
  return pg_has_role(v_role, 'learn_user', 'usage') and not pg_has_role(v_role, 'learn_app', 'usage');
end;
$$;
comment on function learn_internal.is_learner() is
  'Whether the session acts as a member of learn_user, and not of learn_app.';
