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
  from learn.activity_log l
  where l.user_id = u.user_id and (
    l.activity_type = 'skill_level_reached' and l.subject_type = 'skill_level'
      and l.subject_id ~ '^[0-9]+:[0-9]{1,9}$'
      and split_part(l.subject_id, ':', 1) = u.skill_id::text
    or l.activity_type = 'skill_mastered' and l.subject_type = 'skill'
      and l.subject_id = u.skill_id::text)
) f;
comment on view learn_internal.skill_recounts is
  'Levels of users'' skills recounted from points and from the log.';

-- Where skills are not what their points say, or assessments are no facts: the part of
-- check_integrity() about skills.
create or replace view learn_internal.skill_damage (check_name, user_id, expected, actual) as
select 'skill_levels_follow_from_points', r.user_id,
  format('skill %s: level %s, highest %s', r.skill_id, r.current_level, r.highest_level),
  format('skill %s: level %s, highest %s', u.skill_id, u.current_level, u.highest_level)
from learn_internal.skill_recounts r
join learn.user_skills u on u.user_id = r.user_id and u.skill_id = r.skill_id
where (u.current_level, u.highest_level) <> (r.current_level, r.highest_level)
union all
select 'full_skills_are_mastered', r.user_id,
  format('skill %s mastered', r.skill_id), 'not mastered'
from learn_internal.skill_recounts r
join learn.user_skills u on u.user_id = r.user_id and u.skill_id = r.skill_id
where u.mastered_at is null and (r.is_full or r.mastered_at is not null)
union all
select 'mastered_skills_are_facts', r.user_id, format('a fact for skill %s', r.skill_id), 'none'
from learn_internal.skill_recounts r
join learn.user_skills u on u.user_id = r.user_id and u.skill_id = r.skill_id
where u.mastered_at is not null and r.mastered_at is null
union all
select 'assessments_are_facts', a.user_id, format('a fact for assessment %s', a.id), 'none'
from learn.assessment_results a
left join learn.activity_log f on f.user_id = a.user_id
  and f.activity_type = 'assessment_completed' and f.subject_type = 'assessment'
  and f.subject_id = a.id::text
where f.id is null;
comment on view learn_internal.skill_damage is
  'Where skills are not what their points say, or assessments are no facts; '
  'no row when all is well.';
