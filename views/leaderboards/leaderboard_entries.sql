-- The boards as rows: those of periods that were closed as they stood then, the others as of the last merge.
-- leaderboard() answers by index, and for this moment. All time starts on a day that every driver can read.
create or replace view learn.leaderboard_entries as
select s.metric, s.period,
  case when s.period = 'all_time' then '0001-01-01' else s.starts_on end as period_start,
  s.user_id, s.value,
  rank() over (partition by s.metric, s.period, s.starts_on order by s.value desc) as rank,
  (select b.merged_at from learn_internal.board_state b) as calculated_at
from learn_internal.board_scores s
join learn.metrics m on m.key = s.metric and m.is_board
join learn.users u on u.id = s.user_id and u.is_active and u.show_on_leaderboard
where s.value > 0 and s.lapses_at > (select learn.clock()) and not exists (
  select from learn.closed_periods c
  where c.metric = s.metric and c.period = s.period and c.starts_on = s.starts_on)
union all
select s.metric, s.period, s.starts_on, s.user_id, s.value, s.rank, c.closed_at
from learn.period_standings s
join learn.closed_periods c
  on c.metric = s.metric and c.period = s.period and c.starts_on = s.starts_on
join learn.users u on u.id = s.user_id and u.is_active and u.show_on_leaderboard;
comment on view learn.leaderboard_entries is
  'The boards as rows: closed periods as they stood when they were closed, others as of the last merge '
  '(calculated_at). Filter by metric, period and period_start, which is 0001-01-01 for all time.';
grant select on learn.leaderboard_entries to learn_app, learn_readonly;
