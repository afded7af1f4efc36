-- Where achievements are not what the facts say: the part of check_integrity() about achievements.
create or replace view learn_internal.achievement_damage (check_name, user_id, expected, actual) as
select c.check_name, w.user_id, c.expected, c.actual
from (
  select e.user_id, e.achievement_id, sum(e.due) as due, min(e.earned_at) as earned_at, max(e.noted_at) as noted_at
  from (
    select r.user_id, r.achievement_id, 1 as due, r.earned_at, null::timestamptz as noted_at
    from learn_internal.achievement_recounts r
    union all
    select u.user_id, u.achievement_id, -1, null, u.earned_at from learn.user_achievements u
  ) e
  group by e.user_id, e.achievement_id
  having sum(e.due) <> 0 or min(e.earned_at) <> max(e.noted_at)
) w
cross join lateral (
  select 'achievements_follow_from_facts', case when w.due > 0 then 'achievement ' else 'no achievement ' end || w.achievement_id,
    case when w.due > 0 then 'no achievement ' else 'achievement ' end || w.achievement_id
  where w.due <> 0
  union all
  select 'achievements_are_dated_by_facts', format('achievement %s: %s', w.achievement_id, w.earned_at), w.noted_at::text
  where w.due = 0
) c(check_name, expected, actual)
union all
select 'reached_achievements_are_earned', v.user_id, a.slug, 'not earned'
from learn_internal.achievement_thresholds t
join learn.achievements a on a.id = t.achievement_id
join learn_internal.reward_values v on v.metric = t.metric and v.scope = t.scope and v.value >= t.threshold
where case  -- in this order, because the last two are dear
  when exists (
    select from learn.user_achievements u
    where u.user_id = v.user_id and u.achievement_id = t.achievement_id) then false
  when exists (
    select from learn.revoked_achievements r
    where r.user_id = v.user_id and r.achievement_id = t.achievement_id) then false
  else (t.is_sole or learn_internal.satisfies_criteria(v.user_id, a.criteria))
    and not learn_internal.was_deserved_before(v.user_id, t.metric, t.scope, t.threshold, a.criteria_changed_at)
end;
comment on view learn_internal.achievement_damage is
  'Where achievements are not what the facts say; no row when all is well.';
