-- What a course is made of: its published lessons, in published levels where they belong to one.
-- Counted whether the course itself is published or not, as with tracks.
create or replace view learn_internal.course_lessons as
select l.course_id, l.course_level_id, l.id as lesson_id, coalesce(d.xp_multiplier, 1) as weight
from learn.lessons l
left join learn.course_levels v on v.id = l.course_level_id
left join learn.difficulties d on d.key = l.difficulty
where l.course_id is not null and l.is_published and (l.course_level_id is null or v.is_published);
comment on view learn_internal.course_lessons is
  'The published lessons of each course, with their XP multipliers.';
