-- Refuses lessons (parallel arrays) in levels that their users have not unlocked. The first level
-- of a course is open: enrolling, or completing a lesson of it, unlocks it.
-- Errors: LX005.
create or replace function learn_internal.require_unlocked(
  p_user_ids uuid[], p_lesson_ids bigint[]
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_locked record;
begin
  select c.user_id, l.id as lesson_id, v.slug as level, k.slug as course, b.slug as before
  into v_locked
  from unnest(p_user_ids, p_lesson_ids) c(user_id, lesson_id)
  join learn.lessons l on l.id = c.lesson_id
  join learn.course_levels v on v.id = l.course_level_id
  join learn.courses k on k.id = v.course_id
  join learn_internal.level_order o on o.course_level_id = v.id
  left join learn.course_levels b on b.id = o.previous_level_id
  where b.id is not null and not exists (
    select from learn.user_level_unlocks u
    where u.user_id = c.user_id and u.course_level_id = v.id)
  limit 1;
  if found then
    raise exception 'the level of the lesson is locked'
      using errcode = 'LX005',
        detail = format('user_id = %s, lesson_id = %s, level %s of course %s',
          v_locked.user_id, v_locked.lesson_id, v_locked.level, v_locked.course),
        hint = format('Complete the level before it first: %s.', v_locked.before);
  end if;
end;
$$;
comment on function learn_internal.require_unlocked(uuid[], bigint[]) is
  'Refuses lessons in levels that their users have not unlocked (LX005).';
