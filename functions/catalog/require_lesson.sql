-- Refuses a lesson that does not exist, is not available, or is locked for the user.
-- Errors: LX003, LX004, LX005.
create or replace function learn_internal.require_lesson(p_user_id uuid, p_lesson_id bigint)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_available boolean;
  v_level_id     bigint;
begin
  select l.is_available, l.course_level_id into v_is_available, v_level_id
  from learn.lessons l
  where l.id = p_lesson_id;
  if not found then
    raise exception 'unknown lesson'
      using errcode = 'LX003',
        detail = format('p_lesson_id = %s', coalesce(p_lesson_id::text, 'null')),
        hint = 'Look the lesson up in learn.lessons.';
  end if;
  if not v_is_available then
    raise exception 'the lesson is not published'
      using errcode = 'LX004', detail = format('p_lesson_id = %s', p_lesson_id),
        hint = 'Publish it, and its level and course: is_published.';
  end if;
  if v_level_id is not null then
    if not exists (
      select from learn.user_lesson_progress p
      where p.user_id = p_user_id and p.lesson_id = p_lesson_id and p.completed_at is not null)
    then
      perform learn_internal.require_unlocked(array[p_user_id], array[p_lesson_id]);
    end if;
  end if;
end;
$$;
comment on function learn_internal.require_lesson(uuid, bigint) is
  'Refuses an unknown (LX003), unpublished (LX004) or locked (LX005) lesson.';
