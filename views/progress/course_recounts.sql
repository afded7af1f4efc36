-- Progress in courses recounted from lessons: what user_course_progress must say, for those who are
-- enrolled. Filter by user_id and course_id: both conditions reach the tables.
create or replace view learn_internal.course_recounts as
select p.user_id, l.course_id,
  (count(*) filter (where c.lesson_id is not null and p.completed_at is not null))::integer
    as lessons_completed,
  coalesce(sum(c.weight) filter (where p.completed_at is not null), 0) as weight_completed,
  coalesce(sum(p.time_spent_seconds), 0)::bigint as time_spent_seconds,
  max(p.completed_at) filter (where c.lesson_id is not null) as last_completed_at,
  greatest(max(p.started_at), max(p.completed_at)) as last_activity_at
from learn.user_lesson_progress p
join learn.lessons l on l.id = p.lesson_id and l.course_id is not null
left join learn_internal.course_lessons c on c.lesson_id = l.id and c.course_id = l.course_id
group by p.user_id, l.course_id;
comment on view learn_internal.course_recounts is
  'Lessons, XP multipliers and time per user and course, recounted from user_lesson_progress.';
