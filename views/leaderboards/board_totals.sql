-- What users have reached of all time in the metrics with boards.
create or replace view learn_internal.board_totals as
select s.user_id, v.metric, v.value
from learn.user_stats s
cross join lateral (
  values
    ('xp', s.total_xp - s.reward_xp),
    ('level_reached', s.highest_level::bigint),
    ('active_days', s.active_days::bigint),
    ('longest_streak', s.longest_streak::bigint)
) v(metric, value)
where v.metric in (select m.key from learn.metrics m where m.is_board)
union all
select v.user_id, m.key, v.value
from learn.metrics m
join learn.user_metrics v on v.metric = m.key and v.scope = ''
where m.is_board;
comment on view learn_internal.board_totals is
  'Values of all time per user and metric with boards, but for streaks: those are in streak_ends.';
