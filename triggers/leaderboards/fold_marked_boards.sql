-- After users were marked to be recounted, one or a million: they are, in one fold, so that nobody who reads
-- has to do it; streaks to be looked up, where there are many.
create or replace function learn_internal.fold_marked_boards()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  if exists (select from learn_internal.board_gains g where g.metric = '')
    or exists (select from learn_internal.board_gains g where g.metric = 'current_streak' offset 100)
  then
    perform learn_internal.try_fold_boards();
  end if;
  return null;
end;
$$;
comment on function learn_internal.fold_marked_boards() is
  'Statement trigger: folds the boards where users are marked to be recounted.';
revoke all on function learn_internal.fold_marked_boards() from public;

create or replace trigger users_settled
  after update of username, timezone, is_active, show_on_leaderboard on learn.users
  for each statement
  execute function learn_internal.fold_marked_boards();
comment on trigger users_settled on learn.users is 'Recounts the boards of those who are marked.';
