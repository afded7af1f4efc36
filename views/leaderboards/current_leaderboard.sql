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
