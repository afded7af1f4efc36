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
left join learn_internal.all_facts f on f.user_id = a.user_id
  and f.activity_type = 'assessment_completed' and f.subject_type = 'assessment'
  and f.subject_id = a.id::text
where f.id is null;
comment on view learn_internal.skill_damage is
  'Where skills are not what their points say, or assessments are no facts; '
  'no row when all is well.';
