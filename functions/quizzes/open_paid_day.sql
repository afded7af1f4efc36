-- What quizzes have paid a learner today: as noted, or nothing where the day of the note is over.
create or replace function learn_internal.open_paid_day(p_user_id uuid)
returns learn_internal.paid_questions
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_day learn_internal.paid_questions;
begin
  select * into v_day from learn_internal.paid_questions d where d.user_id = p_user_id;
  if not found or learn_internal.is_over(p_user_id, v_day.opened_at) then
    v_day := (p_user_id, learn.clock(), '{}'::bigint[], '{}'::jsonb, 0);
  end if;
  return v_day;
end;
$$;
comment on function learn_internal.open_paid_day(uuid) is
  'What quizzes have paid a learner today, by the clock.';
