-- Everybody who learned, or was seen, in the last 30 days, ranked by XP, by challenges and by streak.
create or replace view learn.current_leaderboard with (security_barrier) as
select b.user_id, b.username, b.display_name, b.avatar_url, b.total_xp, b.current_level,
  b.challenges_completed, b.current_streak,
  rank() over (order by b.total_xp desc) as xp_rank,
  rank() over (order by b.challenges_completed desc) as challenge_rank,
  rank() over (order by b.current_streak desc) as streak_rank
from (
  select u.id as user_id, u.username, u.display_name, u.avatar_url, s.total_xp, s.current_level,
    coalesce(m.value, 0) as challenges_completed,
    coalesce(e.days, 0) as current_streak
  from learn.users u
  join learn.user_stats s on s.user_id = u.id
  left join learn_internal.streak_ends e on e.user_id = u.id and e.ends_at > (select learn.clock())
  left join learn.user_metrics m
    on m.user_id = u.id and m.metric = 'challenges_completed' and m.scope = ''
  where u.is_active and u.show_on_leaderboard
    and (u.last_active_at > (select learn.clock()) - 30 * interval '24 hours'
      or s.last_activity_date > ((select learn.clock()) at time zone u.timezone)::date - 30)
) b;
comment on view learn.current_leaderboard is
  'Users active in the last 30 days, ranked by XP, completed challenges and streak; ties share '
  'a rank.';
grant select on learn.current_leaderboard to learn_app, learn_user, learn_readonly;

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
