-- Completes the lessons among the given ones (parallel arrays) of which the user
-- has solved every exercise.
create or replace function learn_internal.complete_solved_lessons(
  p_user_ids uuid[], p_lesson_ids bigint[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn.user_lesson_progress as p (user_id, lesson_id, status, completed_at)
  select c.user_id, c.lesson_id, 'completed', s.solved_at
  from (
    select distinct d.user_id, d.lesson_id
    from unnest(p_user_ids, p_lesson_ids) d(user_id, lesson_id)
  ) c
  cross join lateral (
    select v.solved_at from learn_internal.solved_lessons v
    where v.user_id = c.user_id and v.lesson_id = c.lesson_id
    offset 0
  ) s
  order by c.user_id, s.solved_at, c.lesson_id
  on conflict (user_id, lesson_id) do update
    set status = 'completed', completed_at = excluded.completed_at
    where p.completed_at is null;
end;
$$;
comment on function learn_internal.complete_solved_lessons(uuid[], bigint[]) is
  'Completes those of the given lessons whose exercises the user has all solved.';
