-- The hints of an exercise that a user may see: one for each wrong submission so far, all once it is solved.
-- No row: there is none yet, or no more.
-- Errors: LX002; LX003 unknown exercise; LX010 a learner asks for another.
create or replace function learn.exercise_hints(p_user_id uuid, p_exercise_id bigint)
returns table (hint_number integer, hint text)
language plpgsql
stable
security definer                  -- hints are readable by no app role
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_hints    jsonb;
  v_progress learn.user_exercise_progress;
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  select e.hints into v_hints from learn.exercises e where e.id = p_exercise_id and e.is_published;
  if not found then
    raise exception 'unknown exercise'
      using errcode = 'LX003', detail = format('p_exercise_id = %s', coalesce(p_exercise_id::text, 'null')),
        hint = 'Look the exercise up in learn.exercises.';
  end if;
  select p.* into v_progress
  from learn.user_exercise_progress p
  where p.user_id = p_user_id and p.exercise_id = p_exercise_id;
  return query
  select h.number::integer, h.hint
  from jsonb_array_elements_text(v_hints) with ordinality h(hint, number)
  where v_progress.solved_at is not null or h.number <= v_progress.wrong_submissions
  order by h.number;
end;
$$;
comment on function learn.exercise_hints(uuid, bigint) is
  'The hints of an exercise that a user may see: one for each wrong submission, all once it is solved.';
grant execute on function learn.exercise_hints(uuid, bigint) to learn_app, learn_user;
