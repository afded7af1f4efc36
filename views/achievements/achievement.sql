-- Every active achievement that is no secret, with how many have earned it. Names are the base texts: translate
-- with learn.localized().
create or replace view learn.achievement_catalog as
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
grant select on learn.achievement_catalog to learn_app, learn_user, learn_readonly;

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
