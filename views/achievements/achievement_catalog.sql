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
