-- Completed levels per user and course, of those that there are to complete.
create or replace view learn_internal.course_level_recounts as
select u.user_id, v.course_id, count(*)::integer as levels_completed,
  max(u.completed_at) as last_completed_at
from learn.user_level_unlocks u
join learn.course_levels v on v.id = u.course_level_id and v.is_published
where u.completed_at is not null and exists (
  select from learn.lessons s where s.course_level_id = v.id and s.is_published)
group by u.user_id, v.course_id;
comment on view learn_internal.course_level_recounts is
  'Levels completed per user and course, recounted from user_level_unlocks.';
