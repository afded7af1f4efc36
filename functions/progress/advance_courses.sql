-- Counts newly completed lessons, parallel arrays, towards their courses: enrols users who are not,
-- increments the live numbers, and settles a course where a level or all of it may be complete.
-- Errors: LX005 a lesson's level is locked, after all that this statement unlocks;
-- LX006 required prerequisites of a course are not completed, after all that it completes.
create or replace function learn_internal.advance_courses(
  p_user_ids uuid[], p_lesson_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids   uuid[];
  v_course_ids bigint[];
  v_is_new     boolean;
begin
  -- A lesson that settle_courses() completes on its way comes through here too, before
  -- the totals are recounted: no number goes above them, and the recount has the last word.
  with moved as (
    select c.user_id, l.course_id, count(*)::integer as lessons, sum(l.weight) as weight,
      max(c.at) as last_at,
      bool_or(l.course_level_id is not null and u.completed_at is null) as is_new_level
    from unnest(p_user_ids, p_lesson_ids, p_at) c(user_id, lesson_id, at)
    join learn_internal.course_lessons l on l.lesson_id = c.lesson_id
    left join learn.user_level_unlocks u
      on u.user_id = c.user_id and u.course_level_id = l.course_level_id
    group by c.user_id, l.course_id
  ), counted as (
    update learn.user_course_progress p
    set lessons_completed = least(p.lessons_completed + m.lessons, p.total_lessons),
      weight_completed = least(p.weight_completed + m.weight, p.total_weight),
      last_activity_at = greatest(p.last_activity_at, m.last_at)
    from moved m
    where p.user_id = m.user_id and p.course_id = m.course_id
    returning p.user_id, p.course_id, m.is_new_level
      or p.total_levels = 0 and p.lessons_completed = p.total_lessons and p.completed_at is null
      as is_unsettled
  )
  select array_agg(c.user_id) filter (where c.is_unsettled),
    array_agg(c.course_id) filter (where c.is_unsettled),
    count(*) < (select count(*) from moved)
  into v_user_ids, v_course_ids, v_is_new
  from counted c;

  if v_user_ids is not null then
    perform learn_internal.settle_courses(v_user_ids, v_course_ids);
  end if;
  -- Enrolling counts everything, these lessons included. It comes last: what was completed above
  -- may be what it waits for.
  if v_is_new then
    insert into learn.user_course_progress (user_id, course_id, enrolled_at)
    select c.user_id, l.course_id, min(c.at)
    from unnest(p_user_ids, p_lesson_ids, p_at) c(user_id, lesson_id, at)
    join learn_internal.course_lessons l on l.lesson_id = c.lesson_id
    where not exists (
      select from learn.user_course_progress p
      where p.user_id = c.user_id and p.course_id = l.course_id)
    group by c.user_id, l.course_id
    order by c.user_id, min(c.at), l.course_id
    on conflict do nothing;
  end if;
  perform learn_internal.require_unlocked(p_user_ids, p_lesson_ids);
end;
$$;
comment on function learn_internal.advance_courses(uuid[], bigint[], timestamptz[]) is
  'Counts newly completed lessons towards their courses, and enrols where needed.';
