-- The published levels of courses, each with the one that has to be completed before it: the nearest
-- earlier one that has something to complete. A level without lessons keeps nobody from the next.
create or replace view learn_internal.level_order as
select l.course_id, l.id as course_level_id, l.position, (
    select e.id
    from learn.course_levels e
    where e.course_id = l.course_id and e.is_published and (e.position, e.id) < (l.position, l.id)
      and exists (select from learn.lessons s where s.course_level_id = e.id and s.is_published)
    order by e.position desc, e.id desc
    limit 1
  ) as previous_level_id
from learn.course_levels l
where l.is_published;
comment on view learn_internal.level_order is
  'Published levels of courses, each with the level that unlocks it; null: the first.';
