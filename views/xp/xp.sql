-- XP recounted from the ledger, and the level that it means: what user_stats must say.
-- One grouping over all sources: so a condition on user_id reaches each of them.
create or replace view learn_internal.xp_recounts as
select x.user_id, coalesce(sum(x.amount), 0)::bigint as total_xp,
  max(x.highest_level) as highest_level,
  coalesce(sum(x.amount) filter (where not x.is_on_boards), 0)::bigint as reward_xp
from (
  select s.user_id, null::integer as amount, 1 as highest_level, null::boolean as is_on_boards
  from learn.user_stats s
  union all
  select t.user_id, t.amount, null,
    t.activity_type not in (select a.key from learn.activity_types a where not a.is_on_boards)
  from learn.xp_transactions t
  union all
  select f.user_id, null, f.subject_id::integer, null
  from learn.activity_log f
  where f.activity_type = 'level_reached'
) x
group by x.user_id;
comment on view learn_internal.xp_recounts is
  'Total XP, and that of rewards, recounted from the ledger, and the highest level announced, per user.';

-- Where XP and levels are not what the ledger says, or the ledger not what the facts say:
-- the part of check_integrity() about XP.
create or replace view learn_internal.xp_damage (check_name, user_id, expected, actual) as
select 'total_xp_is_the_ledger_sum', s.user_id, x.total_xp::text, s.total_xp::text
from learn.user_stats s
join learn_internal.xp_recounts x on x.user_id = s.user_id
where s.total_xp <> x.total_xp
union all
select 'reward_xp_is_that_of_rewards', s.user_id, x.reward_xp::text, s.reward_xp::text
from learn.user_stats s
join learn_internal.xp_recounts x on x.user_id = s.user_id
where s.reward_xp <> x.reward_xp
union all
select 'level_follows_the_curve', s.user_id,
  learn.calculate_level_from_xp(s.total_xp)::text, s.current_level::text
from learn.user_stats s
where s.current_level <> learn.calculate_level_from_xp(s.total_xp)
union all
select 'levels_are_announced', s.user_id, x.highest_level::text, s.highest_level::text
from learn.user_stats s
join learn_internal.xp_recounts x on x.user_id = s.user_id
where s.highest_level <> x.highest_level
union all
select 'facts_are_paid', coalesce(f.user_id, t.user_id),
  format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(f.xp, 0)),
  format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(t.xp, 0))
from (
  select l.user_id, l.activity_type, sum(l.xp) as xp
  from learn.activity_log l
  where l.activity_type in (
    'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked', 'period_rewarded',
    'period_reward_reversed')
  group by l.user_id, l.activity_type
) f
full join (
  select t.user_id, t.activity_type, sum(t.amount) as xp
  from learn.xp_transactions t
  where t.activity_type in (
    'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked', 'period_rewarded',
    'period_reward_reversed')
  group by t.user_id, t.activity_type
) t on f.user_id = t.user_id and f.activity_type = t.activity_type
where coalesce(f.xp, 0) <> coalesce(t.xp, 0)
  and not (coalesce(t.xp, 0) < f.xp and exists (  -- a cap for the day has cut it
    select from learn.xp_rules r
    where r.activity_type = f.activity_type and r.daily_cap is not null));
comment on view learn_internal.xp_damage is
  'Where XP and levels are not what the ledger says, or the ledger not what the facts say; '
  'no row when all is well.';
