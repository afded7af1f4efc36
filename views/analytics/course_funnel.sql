-- How far the learners of each course have come: a column has those who have come at least so far.
-- Content that changes moves them, except those who have completed it.
create or replace view learn.course_funnel as
select c.id as course_id, c.slug, c.title, c.is_published,
  coalesce(p.enrolled, 0) as enrolled,
  coalesce(p.started, 0) as started,
  coalesce(p.reached_25, 0) as reached_25,
  coalesce(p.reached_50, 0) as reached_50,
  coalesce(p.reached_75, 0) as reached_75,
  coalesce(p.completed, 0) as completed
from learn.courses c
left join (
  select p.course_id, count(*) as enrolled,
    count(*) filter (
      where p.lessons_completed > 0 or p.completion_percentage >= 25
        or p.completed_at is not null) as started,
    count(*) filter (where p.completion_percentage >= 25 or p.completed_at is not null) as reached_25,
    count(*) filter (where p.completion_percentage >= 50 or p.completed_at is not null) as reached_50,
    count(*) filter (where p.completion_percentage >= 75 or p.completed_at is not null) as reached_75,
    count(p.completed_at) as completed
  from learn.user_course_progress p
  group by p.course_id
) p on p.course_id = c.id;
comment on view learn.course_funnel is
  'Per course: learners who have enrolled, started, done at least 25, 50 and 75 percent, '
  'and completed it.';
grant select on learn.course_funnel to learn_app, learn_readonly;
