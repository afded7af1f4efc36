-- Achievements that users' metrics deserve and that they neither have nor lost:
-- by the one condition that is the whole criterion, or (is_sole is false) by one of several,
-- so that satisfies_criteria() has to be asked.
create or replace view learn_internal.deserved_achievements as
select v.user_id, t.achievement_id, t.is_sole, a.criteria, a.slug, a.criteria_changed_at,
  t.metric, t.scope, t.threshold,
  jsonb_build_object('metric', v.metric, 'scope', v.scope, 'value', v.value) as evidence
from learn_internal.achievement_thresholds t
join learn.achievements a on a.id = t.achievement_id
join learn_internal.reward_values v
  on v.metric = t.metric and v.scope = t.scope and v.value >= t.threshold
where not exists (
  select from learn.user_achievements u
  where u.user_id = v.user_id and u.achievement_id = t.achievement_id)
  and not exists (
  select from learn.revoked_achievements r
  where r.user_id = v.user_id and r.achievement_id = t.achievement_id);
comment on view learn_internal.deserved_achievements is
  'Achievements that users'' metrics deserve and that they do not have.';
