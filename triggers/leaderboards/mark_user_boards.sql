-- When users are renamed, come and go, or want to be seen or not: their boards are marked to be recounted;
-- when they move to another time zone, where a streak ends at another time: the one of streaks to be looked up.
-- A recount is done when this commits; of those who move, one in a hundred asks for a fold.
-- For each row, because nearly all updates of users are of other columns: those cost nothing.
-- Argument of the trigger: the metric; empty for all.
create or replace function learn_internal.mark_user_boards()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.board_gains (user_id, metric, local_date)
  values (new.id, tg_argv[0], '-infinity');
  if tg_argv[0] = '' or random() < 0.01 then
    perform learn_internal.request_fold();
  end if;
  return null;
end;
$$;
comment on function learn_internal.mark_user_boards() is
  'Row trigger: marks the boards of a user to be recounted. Argument: the metric; empty for all.';
revoke all on function learn_internal.mark_user_boards() from public;

create or replace trigger users_seen
  after update of username, is_active, show_on_leaderboard on learn.users
  for each row
  when ((old.username, old.is_active, old.show_on_leaderboard)
    is distinct from (new.username, new.is_active, new.show_on_leaderboard))
  execute function learn_internal.mark_user_boards('');
comment on trigger users_seen on learn.users is 'Boards show who wants to be seen, by name.';

create or replace trigger users_moved
  after update of timezone on learn.users
  for each row
  when (old.timezone is distinct from new.timezone)
  execute function learn_internal.mark_user_boards('current_streak');
comment on trigger users_moved on learn.users is 'Streaks end at midnight of the time zone.';
