-- Lessons of which a user has solved every published exercise, at least one:
-- those complete by themselves. Not in a level that is locked for the user, nor in a course whose
-- prerequisites keep the user out: enrolling and unlocking complete these.
create or replace view learn_internal.solved_lessons as
select x.user_id, e.lesson_id, max(x.solved_at) as solved_at
from learn.user_exercise_progress x
join learn.exercises e on e.id = x.exercise_id and e.is_published
join learn.lessons l on l.id = e.lesson_id and l.is_available
where x.solved_at is not null
  and (l.course_level_id is null
    or exists (
      select from learn.user_level_unlocks u
      where u.user_id = x.user_id and u.course_level_id = l.course_level_id)
    or exists (
      select from learn_internal.level_order o
      where o.course_level_id = l.course_level_id and o.previous_level_id is null))
  and (l.course_id is null
    or exists (
      select from learn.user_course_progress p
      where p.user_id = x.user_id and p.course_id = l.course_id)
    or not exists (
      select from learn_internal.course_requirements r
      where r.course_id = l.course_id and not exists (
        select from learn.user_course_progress p
        where p.user_id = x.user_id and p.course_id = r.prerequisite_course_id
          and p.completed_at is not null)))
group by x.user_id, e.lesson_id
having count(*) = (
  select count(*) from learn.exercises a
  where a.lesson_id = e.lesson_id and a.is_published);
comment on view learn_internal.solved_lessons is
  'Available lessons of which a user has solved every published exercise.';
