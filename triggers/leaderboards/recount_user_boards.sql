-- When users are renamed, come and go, move to another time zone, where a streak ends at another time, or
-- want to be seen or not: the boards follow at once.
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
  after update of username, timezone, is_active, show_on_leaderboard on learn.users
  for each row
  when ((old.username, old.timezone, old.is_active, old.show_on_leaderboard)
    is distinct from (new.username, new.timezone, new.is_active, new.show_on_leaderboard))
  execute function learn_internal.recount_user_boards();
comment on trigger users_seen on learn.users is 'Boards show who wants to be seen, by name.';
