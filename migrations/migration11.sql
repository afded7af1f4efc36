-- Views for callers.

set role learn_owner;

-- views/achievements/achievement_catalog.sql
-- Every active achievement that is no secret, with how many have earned it.
create or replace view learn.achievement_catalog as
select a.id, a.slug, a.name, a.description, a.icon, a.category, a.system,
  a.rarity, a.criteria, a.xp_reward,
  v.slug as unlocks_avatar, a.display_order, coalesce(e.times_earned, 0) as times_earned
from learn.achievements a
left join learn.avatars v on v.id = a.unlocks_avatar_id
left join (
  select u.achievement_id, count(*) as times_earned
  from learn.user_achievements u group by u.achievement_id
) e on e.achievement_id = a.id
where a.is_active and not a.is_hidden;
comment on view learn.achievement_catalog is
  'Active achievements that are no secret, with how many users have earned each.';
grant select on learn.achievement_catalog to learn_app, learn_readonly;

-- views/identity/user_dashboard.sql
-- What a user's home page shows, one row per user. The streak is as of the user's today.
create or replace view learn.user_dashboard as
select u.id as user_id, u.username, u.display_name, u.avatar_url, u.avatar_emoji,
  v.slug as selected_avatar,
  s.total_xp, s.current_level, s.total_xp - l.min_xp as xp_in_level,
  n.min_xp - s.total_xp as xp_to_next_level,
  learn.calculate_user_streak(u.id) as current_streak, s.longest_streak,
  s.active_days, s.last_activity_date, s.streak_freezes,
  (select count(*) from learn.user_lesson_progress p
    where p.user_id = u.id and p.completed_at is not null) as lessons_completed,
  (select count(*) from learn.user_track_progress p
    where p.user_id = u.id and p.completed_at is not null) as tracks_completed,
  (select count(*) from learn.user_achievements a where a.user_id = u.id) as achievements_earned,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
      'slug', r.slug, 'name', r.name, 'icon', r.icon, 'rarity', r.rarity, 'earned_at', r.earned_at)
        order by r.id desc), '[]')
    from (
      select e.id, e.earned_at, a.slug, a.name, a.icon, a.rarity
      from learn.user_achievements e
      join learn.achievements a on a.id = e.achievement_id
      where e.user_id = u.id
      order by e.id desc
      limit 5
    ) r
  ) as recent_achievements
from learn.users u
join learn.user_stats s on s.user_id = u.id
left join learn.avatars v on v.id = u.selected_avatar_id
left join learn.level_thresholds l on l.level = s.current_level
left join learn.level_thresholds n on n.level = s.current_level + 1;
comment on view learn.user_dashboard is
  'One row per user for a home page: XP, level, streak as of the user''s today, counts, '
  'the five newest achievements.';
comment on column learn.user_dashboard.xp_to_next_level is 'Null on the highest level.';
grant select on learn.user_dashboard to learn_app, learn_readonly;

reset role;
