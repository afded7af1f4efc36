-- How much each course consists of; no row for a course without published lessons.
create or replace view learn_internal.course_sizes as
select c.course_id, count(*)::integer as total_lessons,
  count(distinct c.course_level_id)::integer as total_levels, sum(c.weight) as total_weight
from learn_internal.course_lessons c
group by c.course_id;
comment on view learn_internal.course_sizes is
  'Published lessons, levels with such lessons, and sum of XP multipliers, per course.';
