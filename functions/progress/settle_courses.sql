-- Brings users' progress in courses up to date, for those of them who are enrolled: levels,
-- live numbers, completion. The caller has locked the users. Costs grow with the size of the courses,
-- so a single completion comes here only when a level or a course may be complete.
create or replace function learn_internal.settle_courses(p_user_ids uuid[], p_course_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
set jit = off
as $$
declare
  v_user_ids   uuid[];
  v_course_ids bigint[];
  v_at         timestamptz[];
begin
  perform learn_internal.unlock_levels(p_user_ids, p_course_ids);

  with recounted as (
    select p.user_id, p.course_id,
      coalesce(r.lessons_completed, 0) as lessons_completed, c.total_lessons,
      coalesce(v.levels_completed, 0) as levels_completed, c.total_levels,
      coalesce(r.weight_completed, 0) as weight_completed, c.total_weight,
      coalesce(r.time_spent_seconds, 0) as time_spent_seconds, r.last_activity_at,
      c.is_published,
      case when c.total_levels > 0 then v.last_completed_at else r.last_completed_at end
        as last_completed_at
    from learn.user_course_progress p
    join learn.courses c on c.id = p.course_id
    left join lateral (  -- by key: a join of all with all grows with the square of the users
      select * from learn_internal.course_recounts x
      where x.user_id = p.user_id and x.course_id = p.course_id
      limit 1
    ) r on true
    left join lateral (
      select * from learn_internal.course_level_recounts x
      where x.user_id = p.user_id and x.course_id = p.course_id
      limit 1
    ) v on true
    where p.user_id = any (p_user_ids) and p.course_id = any (p_course_ids)
  ), saved as (
    update learn.user_course_progress p
    set lessons_completed = r.lessons_completed, total_lessons = r.total_lessons,
      levels_completed = r.levels_completed, total_levels = r.total_levels,
      weight_completed = r.weight_completed, total_weight = r.total_weight,
      time_spent_seconds = r.time_spent_seconds,
      last_activity_at = greatest(p.last_activity_at, r.last_activity_at)
    from recounted r
    where p.user_id = r.user_id and p.course_id = r.course_id
    returning p.user_id, p.course_id, p.completed_at, r.is_published, r.last_completed_at,
      case when p.total_levels > 0 then p.levels_completed = p.total_levels
        else p.total_lessons > 0 and p.lessons_completed = p.total_lessons end as is_full
  )
  select array_agg(s.user_id order by s.user_id, s.last_completed_at, s.course_id),
    array_agg(s.course_id order by s.user_id, s.last_completed_at, s.course_id),
    array_agg(s.last_completed_at order by s.user_id, s.last_completed_at, s.course_id)
  into v_user_ids, v_course_ids, v_at
  from saved s
  where s.is_full and s.is_published and s.completed_at is null;

  if v_user_ids is not null then
    perform learn_internal.complete_courses(v_user_ids, v_course_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.settle_courses(uuid[], bigint[]) is
  'Brings users'' progress in courses up to date: levels, numbers, completion.';
