-- After a change of lessons or levels: what courses consist of is counted again.
create or replace function learn_internal.count_courses(p_course_ids bigint[])
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  update learn.courses c
  set total_lessons = n.total_lessons, total_levels = n.total_levels,
    total_weight = n.total_weight
  from (
    select i.id, coalesce(s.total_lessons, 0) as total_lessons,
      coalesce(s.total_levels, 0) as total_levels, coalesce(s.total_weight, 0) as total_weight
    from unnest(p_course_ids) i(id)
    left join learn_internal.course_sizes s on s.course_id = i.id
  ) n
  where c.id = n.id and (c.total_lessons, c.total_levels, c.total_weight)
    <> (n.total_lessons, n.total_levels, n.total_weight);
$$;
comment on function learn_internal.count_courses(bigint[]) is
  'Counts the published lessons and levels of courses again.';
