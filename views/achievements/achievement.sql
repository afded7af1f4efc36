-- Every active achievement that is no secret, with how many have earned it. Names are the base texts: translate
-- with learn.localized().
create or replace view learn.achievement_catalog with (security_barrier) as
select a.id, a.slug, a.name, a.description, a.icon, a.category, a.system,
  a.rarity, a.criteria, a.xp_reward,
  v.slug as unlocks_avatar, a.display_order, coalesce(e.times_earned, 0) as times_earned, a.translations
from learn.achievements a
left join learn.avatars v on v.id = a.unlocks_avatar_id
left join (
  select u.achievement_id, count(*) as times_earned
  from learn.user_achievements u group by u.achievement_id
) e on e.achievement_id = a.id
where a.is_active and not a.is_hidden;
comment on view learn.achievement_catalog is
  'Active achievements that are no secret, with how many users have earned each.';
grant select on learn.achievement_catalog to learn_editor, learn_app, learn_user, learn_readonly;

-- Achievements recounted from the log: earned, and not revoked since.
-- What user_achievements must say.
create or replace view learn_internal.achievement_recounts as
select f.user_id, f.achievement_id, f.earned_at
from (
  select distinct on (l.user_id, l.properties -> 'achievement_id')
    l.user_id, (l.properties ->> 'achievement_id')::bigint as achievement_id,
    l.activity_type, l.occurred_at as earned_at
  from learn.activity_log l
  where l.activity_type in ('achievement_earned', 'achievement_revoked')
  order by l.user_id, l.properties -> 'achievement_id', l.id desc
) f
join learn.achievements a on a.id = f.achievement_id
where f.activity_type = 'achievement_earned';
comment on view learn_internal.achievement_recounts is
  'Achievements earned and not revoked since, recounted from the log.';

-- Where achievements are not what the facts say: the part of check_integrity() about achievements.
create or replace view learn_internal.achievement_damage (check_name, user_id, expected, actual) as
select 'achievements_follow_from_facts', w.user_id,
  case when sum(w.due) > 0 then 'achievement ' else 'no achievement ' end || w.achievement_id,
  case when sum(w.due) > 0 then 'no achievement ' else 'achievement ' end || w.achievement_id
from (
  select r.user_id, r.achievement_id, 1 as due from learn_internal.achievement_recounts r
  union all
  select u.user_id, u.achievement_id, -1 from learn.user_achievements u
) w
group by w.user_id, w.achievement_id
having sum(w.due) <> 0
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
