-- Counts newly completed lessons, parallel arrays, towards their courses: enrols users who are not,
-- increments the live numbers, and settles a course where a level or all of it may be complete.
-- Errors: LX005 a lesson's level is locked, after all that this statement unlocks.
create or replace function learn_internal.advance_courses(
  p_user_ids uuid[], p_lesson_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_user_ids   uuid[];
  v_course_ids bigint[];
begin
  -- Enrolling counts everything, these lessons included: the others are those enrolled before.
  with moved as (
    select c.user_id, l.course_id, count(*)::integer as lessons, sum(l.weight) as weight,
      min(c.at) as first_at, max(c.at) as last_at,
      bool_or(l.course_level_id is not null and u.completed_at is null) as is_new_level
    from unnest(p_user_ids, p_lesson_ids, p_at) c(user_id, lesson_id, at)
    join learn_internal.course_lessons l on l.lesson_id = c.lesson_id
    left join learn.user_level_unlocks u
      on u.user_id = c.user_id and u.course_level_id = l.course_level_id
    group by c.user_id, l.course_id
  ), counted as (
    update learn.user_course_progress p
    set lessons_completed = p.lessons_completed + m.lessons,
      weight_completed = p.weight_completed + m.weight,
      last_activity_at = greatest(p.last_activity_at, m.last_at)
    from moved m
    where p.user_id = m.user_id and p.course_id = m.course_id
    returning p.user_id, p.course_id, m.is_new_level
      or p.total_levels = 0 and p.lessons_completed = p.total_lessons and p.completed_at is null
      as is_unsettled
  ), enrolled as (
    insert into learn.user_course_progress (user_id, course_id, enrolled_at)
    select m.user_id, m.course_id, m.first_at
    from moved m
    where not exists (
      select from learn.user_course_progress p
      where p.user_id = m.user_id and p.course_id = m.course_id)
    order by m.user_id, m.first_at, m.course_id
  )
  select array_agg(c.user_id), array_agg(c.course_id) into v_user_ids, v_course_ids
  from counted c
  where c.is_unsettled;

  if v_user_ids is not null then
    perform learn_internal.settle_courses(v_user_ids, v_course_ids);
  end if;
  perform learn_internal.require_unlocked(p_user_ids, p_lesson_ids);
end;
$$;
comment on function learn_internal.advance_courses(uuid[], bigint[], timestamptz[]) is
  'Counts newly completed lessons towards their courses, and enrols where needed.';
revoke all on function learn_internal.advance_courses(uuid[], bigint[], timestamptz[]) from public;
