-- The values that achievements are measured by: metrics, and the columns of user_stats that count
-- as metrics. A streak counts at its longest and a level at its highest, since an achievement,
-- once deserved, stays so.
create or replace view learn_internal.reward_values as
select m.user_id, m.metric, m.scope, m.value
from learn.user_metrics m
union all
select s.user_id, 'xp', '', s.total_xp from learn.user_stats s
union all
select s.user_id, 'level_reached', '', s.highest_level from learn.user_stats s
union all
select s.user_id, 'current_streak', '', s.longest_streak from learn.user_stats s
union all
select s.user_id, 'active_days', '', s.active_days from learn.user_stats s;
comment on view learn_internal.reward_values is
  'Value of every metric of every user, those kept in user_stats included.';
