-- What the boards of all time are made of, recounted, of users who want to be seen. Filter by user_id: it reaches the tables.
create or replace view learn_internal.board_ever as
select t.user_id, t.metric, t.value as amount,
  t.metric in (select m.key from learn.metrics m where m.aggregate = 'max' or m.key = 'longest_streak') as is_maximum,
  'infinity'::timestamptz as lapses_at
from learn_internal.board_totals t
join learn.users u on u.id = t.user_id and u.is_active and u.show_on_leaderboard
union all
select e.user_id, 'current_streak', e.days, false, e.ends_at
from learn_internal.streak_ends e
join learn.users u on u.id = e.user_id and u.is_active and u.show_on_leaderboard
where e.ends_at > (select learn.clock())
  and exists (select from learn.metrics m where m.key = 'current_streak' and m.is_board);
comment on view learn_internal.board_ever is
  'What the boards of all time are made of, recounted, of users who want to be seen.';
