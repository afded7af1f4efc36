-- Levels of skills recounted from points, and what the log says of levels and mastery: what
-- user_skills must say. Filter by user_id: the condition reaches the tables.
create or replace view learn_internal.skill_recounts as
select u.user_id, u.skill_id,
  least(k.max_level, u.points_allocated / k.xp_per_level) as current_level,
  f.highest_level, f.mastered_at,
  u.points_allocated / k.xp_per_level >= k.max_level as is_full
from learn.user_skills u
join learn.skills k on k.id = u.skill_id
cross join lateral (
  select coalesce(
      max(split_part(l.subject_id, ':', 2)::integer) filter (
        where l.activity_type = 'skill_level_reached'), 0) as highest_level,
    min(l.occurred_at) filter (where l.activity_type = 'skill_mastered') as mastered_at
  from learn_internal.all_facts l
  where l.user_id = u.user_id and (
    l.activity_type = 'skill_level_reached' and l.subject_type = 'skill_level'
      and l.subject_id ~ '^[0-9]+:[0-9]{1,9}$'
      and split_part(l.subject_id, ':', 1) = u.skill_id::text
    or l.activity_type = 'skill_mastered' and l.subject_type = 'skill'
      and l.subject_id = u.skill_id::text)
) f;
comment on view learn_internal.skill_recounts is
  'Levels of users'' skills recounted from points and from the log.';
