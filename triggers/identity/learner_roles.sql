-- When a learner is erased: the login role that was theirs is nobody from then on. Else it would be whomever its
-- settings name.
create or replace function learn_internal.keep_erased_roles()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from learn.users u where u.id = old.user_id) then
    insert into learn_internal.erased_roles (role_name) values (old.role_name) on conflict do nothing;
  end if;
  return null;
end;
$$;
comment on function learn_internal.keep_erased_roles() is
  'Row trigger: the login role of an erased learner is nobody from then on.';

create or replace trigger keep_erased_roles
  after delete on learn_internal.learner_roles
  for each row execute function learn_internal.keep_erased_roles();
