-- When users are deleted: they leave the boards at once.
create or replace function learn_internal.recount_deleted_boards()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.recount_boards(array_agg(o.id)) from old_users o having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.recount_deleted_boards() is
  'Statement trigger: takes deleted users off the boards.';
revoke all on function learn_internal.recount_deleted_boards() from public;

create or replace trigger users_gone
  after delete on learn.users
  referencing old table as old_users
  for each statement
  execute function learn_internal.recount_deleted_boards();
comment on trigger users_gone on learn.users is 'Takes deleted users off the boards.';
