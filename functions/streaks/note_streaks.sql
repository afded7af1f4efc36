-- Notes that streaks of users have changed, or when they end: the board of streaks follows.
create or replace function learn_internal.note_streaks(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.board_gains (user_id, metric, local_date)
  select distinct u.id, m.key, '-infinity'::date
  from learn.metrics m
  cross join unnest(p_user_ids) u(id)
  where m.key = 'current_streak' and m.is_board;
end;
$$;
comment on function learn_internal.note_streaks(uuid[]) is
  'Notes that streaks of users have changed, for the board of streaks.';
revoke all on function learn_internal.note_streaks(uuid[]) from public;
