-- Where learners' progress says that something was started or completed at another time than its fact, never, or
-- without a fact: a part of check_integrity(). What is remembered is passed over: it was recorded from outside, or
-- its row has been deleted and perhaps written again. So is what content no longer has.
create or replace view learn_internal.date_damage (check_name, user_id, expected, actual) as
select c.check_name, d.user_id, c.expected, c.actual
from (
  select w.user_id, w.activity_type, w.subject_id, max(w.subject_type) as subject_type, min(w.fact_at) as fact_at,
    max(w.row_at) as row_at
  from (
    select l.user_id, l.activity_type, l.subject_type, l.subject_id, l.occurred_at as fact_at,
      null::timestamptz as row_at
    from learn_internal.all_facts l
    where l.activity_type = any (case l.subject_type
      when 'lesson' then array['lesson_completed', 'lesson_started']
      when 'course' then array['course_enrolled', 'course_completed']
      when 'course_level' then array['level_completed']
      when 'track' then array['track_completed']
      when 'path' then array['path_completed']
      when 'difficulty' then array['difficulty_completed']
      when 'challenge' then array['challenge_completed']
      when 'skill' then array['skill_mastered'] end)
    union all
    select r.user_id, r.activity_type, r.subject_type, r.subject_id, null, r.at
    from learn_internal.dated_rows r
    where r.at is not null
  ) w
  group by w.user_id, w.activity_type, w.subject_id
  having min(w.fact_at) is distinct from max(w.row_at)
) d
cross join lateral (
  select 'progress_is_dated_by_facts',
    format('%s %s: %s', d.activity_type, d.subject_id, coalesce(d.fact_at::text, 'never')),
    coalesce(d.row_at::text, 'never')
  where (d.row_at is not null or d.activity_type <> 'skill_mastered' or not exists (  -- full_skills_are_mastered
      select from learn.user_skills u where u.user_id = d.user_id and u.skill_id::text = d.subject_id))
    and (d.fact_at is not null or d.activity_type <> 'difficulty_completed')  -- it may have been renamed
    and (d.row_at is not null or case d.subject_type
      when 'lesson' then exists (select from learn.lessons c where c.id::text = d.subject_id)
      when 'course' then exists (select from learn.courses c where c.id::text = d.subject_id)
      when 'course_level' then exists (select from learn.course_levels c where c.id::text = d.subject_id)
      when 'track' then exists (select from learn.tracks c where c.id::text = d.subject_id)
      when 'path' then exists (select from learn.learning_paths c where c.id::text = d.subject_id)
      when 'difficulty' then exists (select from learn.difficulties c where c.key = d.subject_id)
      when 'challenge' then exists (select from learn.challenges c where c.id::text = d.subject_id)
      when 'skill' then exists (select from learn.skills c where c.id::text = d.subject_id)
    end)
    and not exists (
    select from learn_internal.recorded_subjects m
    where m.user_id = d.user_id and m.activity_type = d.activity_type and m.subject_type = d.subject_type
      and m.subject_id = d.subject_id)
  union all
  select case d.activity_type when 'lesson_completed' then 'completed_lessons_are_facts'
      when 'course_enrolled' then 'enrolments_are_facts' else 'completed_courses_are_facts' end,
    format('a fact for %s %s', d.subject_type, d.subject_id), 'none'
  where d.fact_at is null and d.activity_type in ('lesson_completed', 'course_enrolled', 'course_completed')
) c(check_name, expected, actual)
union all
select 'solutions_are_dated_by_facts', p.author_id, format('reply %s: %s', p.id, f.occurred_at),
  p.first_accepted_at::text
from learn.replies p
join learn_internal.all_facts f on f.user_id = p.author_id and f.activity_type = 'solution_accepted'
  and f.subject_type = 'reply' and f.subject_id = p.id::text
where p.first_accepted_at is distinct from f.occurred_at;
comment on view learn_internal.date_damage is
  'Where learners'' progress is dated otherwise than by its facts; no row when all is well.';
