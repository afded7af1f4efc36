-- The solution of an exercise, for a user who has solved it; null where none is written down.
-- Errors: LX002; LX003 unknown exercise; LX007 it is not solved yet.
create or replace function learn.exercise_solution(p_user_id uuid, p_exercise_id bigint)
returns text
language plpgsql
stable
security definer                  -- solutions are readable by no app role
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_solution text;
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  select e.solution into v_solution from learn.exercises e where e.id = p_exercise_id;
  if not found then
    raise exception 'unknown exercise'
      using errcode = 'LX003', detail = format('p_exercise_id = %s', coalesce(p_exercise_id::text, 'null')),
        hint = 'Look the exercise up in learn.exercises.';
  end if;
  if not exists (
    select from learn.user_exercise_progress p
    where p.user_id = p_user_id and p.exercise_id = p_exercise_id and p.solved_at is not null)
  then
    raise exception 'the exercise is not solved yet'
      using errcode = 'LX007', detail = format('p_user_id = %s, p_exercise_id = %s', p_user_id, p_exercise_id),
        hint = 'Until then there are hints: learn.exercise_hints().';
  end if;
  return v_solution;
end;
$$;
comment on function learn.exercise_solution(uuid, bigint) is
  'The solution of an exercise, for a user who has solved it (else LX007).';
grant execute on function learn.exercise_solution(uuid, bigint) to learn_app, learn_user;
