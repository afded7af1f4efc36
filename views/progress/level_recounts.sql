-- Levels of courses whose lessons users have completed: any of them or all, as the setting
-- level_completion_policy says. Whether the level was unlocked is not asked here.
create or replace view learn_internal.level_recounts as
select r.user_id, r.course_id, r.course_level_id,
  case when s.is_any then r.first_completed_at else r.last_completed_at end as completed_at
from (
  select p.user_id, c.course_id, c.course_level_id, count(*) as lessons_completed,
    min(p.completed_at) as first_completed_at, max(p.completed_at) as last_completed_at
  from learn_internal.course_lessons c
  join learn.user_lesson_progress p on p.lesson_id = c.lesson_id and p.completed_at is not null
  where c.course_level_id is not null
  group by p.user_id, c.course_id, c.course_level_id
) r
cross join (
  select coalesce(bool_or(t.value = '"any"'), true) as is_any
  from learn.platform_settings t
  where t.key = 'level_completion_policy'
) s
where s.is_any or r.lessons_completed = (
  select count(*) from learn_internal.course_lessons a
  where a.course_level_id = r.course_level_id);
comment on view learn_internal.level_recounts is
  'Levels of courses that users'' completed lessons complete, by level_completion_policy.';
