-- Completes a lesson for a user who has solved all its exercises, the last one at p_at, as solved_lessons says. Returns
-- whether it has: not when the lesson is not open to the user, or it was completed before.
-- The caller has locked the user.
create or replace function learn_internal.complete_solved_lesson(
  p_user_id uuid, p_lesson_id bigint, p_at timestamptz
)
returns boolean
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lesson record;
begin
  select l.is_available, l.course_id, p.user_id, p.completed_at into v_lesson
  from learn.lessons l
  left join learn.user_lesson_progress p on p.user_id = p_user_id and p.lesson_id = l.id
  where l.id = p_lesson_id;
  if not v_lesson.is_available or v_lesson.completed_at is not null then
    return false;
  end if;
  if v_lesson.course_id is not null then
    if not exists (
      select from learn_internal.solved_lessons v
      where v.user_id = p_user_id and v.lesson_id = p_lesson_id)
    then
      return false;
    end if;
  end if;

  if v_lesson.user_id is null then
    insert into learn.user_lesson_progress (user_id, lesson_id, status, completed_at)
    values (p_user_id, p_lesson_id, 'completed', p_at)
    on conflict do nothing;
  else
    update learn.user_lesson_progress p
    set status = 'completed', completed_at = p_at
    where p.user_id = p_user_id and p.lesson_id = p_lesson_id;
  end if;
  return true;
end;
$$;
comment on function learn_internal.complete_solved_lesson(uuid, bigint, timestamptz) is
  'Completes a lesson for a user who has solved all its exercises; whether it has.';
