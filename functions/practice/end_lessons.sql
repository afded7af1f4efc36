-- Completes the lessons of which users have just solved the last exercise (parallel arrays); one that is not open to its
-- user is begun, where the exercise is new to the user. p_at: when the last of them was solved. The caller has locked the users.
create or replace function learn_internal.end_lessons(
  p_user_ids uuid[], p_lesson_ids bigint[], p_are_new boolean[], p_at timestamptz
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(p_user_ids) > 1 then
    perform learn_internal.complete_solved_lessons(p_user_ids, p_lesson_ids);
  elsif learn_internal.complete_solved_lesson(p_user_ids[1], p_lesson_ids[1], p_at) then
    return;
  end if;
  if true = any (p_are_new) then
    insert into learn.user_lesson_progress (user_id, lesson_id, status)
    select d.user_id, d.lesson_id, 'in_progress'
    from unnest(p_user_ids, p_lesson_ids, p_are_new) d(user_id, lesson_id, is_new)
    where d.is_new
    on conflict (user_id, lesson_id) do nothing;
  end if;
end;
$$;
comment on function learn_internal.end_lessons(uuid[], bigint[], boolean[], timestamptz) is
  'Completes the lessons of which users have solved the last exercise, or begins them.';
