-- When users are renamed, go, or want to be seen or not: the boards follow at once.
create or replace function learn_internal.recount_user_boards()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.recount_boards(array[old.id]);
  return null;
end;
$$;
comment on function learn_internal.recount_user_boards() is
  'Row trigger: has the boards of a user recounted.';
revoke all on function learn_internal.recount_user_boards() from public;

create or replace trigger users_seen
  after update of username, is_active, show_on_leaderboard on learn.users
  for each row
  when ((old.username, old.is_active, old.show_on_leaderboard)
    is distinct from (new.username, new.is_active, new.show_on_leaderboard))
  execute function learn_internal.recount_user_boards();
comment on trigger users_seen on learn.users is 'Boards show who wants to be seen, by name.';

create or replace function learn_internal.recount_deleted_boards()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
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
