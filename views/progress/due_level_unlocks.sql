-- Levels that users who are enrolled should have unlocked and have not: the first of the course,
-- and the one after each completed level.
create or replace view learn_internal.due_level_unlocks as
select p.user_id, o.course_id, o.course_level_id, o.position,
  greatest(p.enrolled_at, b.completed_at) as unlocked_at
from learn.user_course_progress p
join learn_internal.level_order o on o.course_id = p.course_id
left join learn.user_level_unlocks b
  on b.user_id = p.user_id and b.course_level_id = o.previous_level_id
where (o.previous_level_id is null or b.completed_at is not null)
  and not exists (
    select from learn.user_level_unlocks u
    where u.user_id = p.user_id and u.course_level_id = o.course_level_id);
comment on view learn_internal.due_level_unlocks is
  'Levels of courses that are due to be unlocked for users; empty between statements.';
