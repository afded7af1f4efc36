-- Where XP and levels are not what the ledger says, or the ledger not what the facts say:
-- the part of check_integrity() about XP.
create or replace view learn_internal.xp_damage (check_name, user_id, expected, actual) as
select c.check_name, s.user_id, c.expected::text, c.actual::text
from learn.user_stats s
join learn_internal.xp_recounts x on x.user_id = s.user_id
cross join lateral (
  values
    ('total_xp_is_the_ledger_sum', x.total_xp, s.total_xp),
    ('reward_xp_is_that_of_rewards', x.reward_xp, s.reward_xp),
    ('level_follows_the_curve', learn.calculate_level_from_xp(s.total_xp), s.current_level),
    ('levels_are_announced', x.highest_level, s.highest_level)
) c(check_name, expected, actual)
where c.expected <> c.actual
union all
select 'facts_are_paid', w.user_id,
  format('%s: %s', w.activity_type, sum(w.due)), format('%s: %s', w.activity_type, sum(w.paid))
from (
  select l.user_id, l.activity_type, coalesce(l.xp, 0) as due, 0 as paid
  from learn_internal.all_facts l
  where l.activity_type in (
    'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked', 'period_rewarded',
    'period_reward_reversed')
  union all
  select t.user_id, t.activity_type, 0, t.amount
  from learn_internal.all_payments t
  where t.activity_type in (
    'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked', 'period_rewarded',
    'period_reward_reversed')
) w
group by w.user_id, w.activity_type
having sum(w.due) <> sum(w.paid)
  and not (sum(w.paid) < sum(w.due) and exists (  -- a cap for the day has cut it
    select from learn.xp_rules r
    where r.activity_type = w.activity_type and r.daily_cap is not null));
comment on view learn_internal.xp_damage is
  'Where XP and levels are not what the ledger says, or the ledger not what the facts say; '
  'no row when all is well.';
