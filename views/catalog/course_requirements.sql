-- What enrolment in courses waits for: required prerequisites. One that nobody can complete
-- keeps nobody out.
create or replace view learn_internal.course_requirements as
select e.course_id, e.prerequisite_course_id, r.slug
from learn.course_prerequisites e
join learn.courses r on r.id = e.prerequisite_course_id
where e.is_required and r.is_published and r.total_lessons > 0;
comment on view learn_internal.course_requirements is
  'Required prerequisites of courses, of those that can be completed.';
