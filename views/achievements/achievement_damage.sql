-- Where achievements are not what the facts say: the part of check_integrity() about achievements.
create or replace view learn_internal.achievement_damage (check_name, user_id, expected, actual) as
select 'achievements_follow_from_facts', coalesce(r.user_id, u.user_id),
  case when r.user_id is null then 'no achievement ' || u.achievement_id
    else 'achievement ' || r.achievement_id end,
  case when u.user_id is null then 'no achievement ' || r.achievement_id
    else 'achievement ' || u.achievement_id end
from learn_internal.achievement_recounts r
full join learn.user_achievements u
  on r.user_id = u.user_id and r.achievement_id = u.achievement_id
where r.user_id is null or u.user_id is null
union all
select 'reached_achievements_are_earned', d.user_id, d.slug, 'not earned'
from learn_internal.deserved_achievements d
where (d.is_sole or learn_internal.satisfies_criteria(d.user_id, d.criteria))
  and not learn_internal.was_deserved_before(
    d.user_id, d.metric, d.scope, d.threshold, d.criteria_changed_at);
comment on view learn_internal.achievement_damage is
  'Where achievements are not what the facts say; no row when all is well.';
