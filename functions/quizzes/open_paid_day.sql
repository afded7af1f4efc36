-- What quizzes have paid a learner today: as noted, or nothing where the day of the note is over. It is over when it is by
-- the learner's zone and by that of its first payment, and the date is a later one: moving between zones
-- makes no second day.
create or replace function learn_internal.open_paid_day(p_user_id uuid, p_timezone text)
returns learn_internal.paid_questions
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := learn.clock();
  v_day learn_internal.paid_questions;
begin
  select * into v_day from learn_internal.paid_questions d where d.user_id = p_user_id;
  if v_day.user_id is null
    or (v_now at time zone p_timezone)::date
        > greatest((v_day.opened_at at time zone p_timezone)::date,
          (v_day.opened_at at time zone v_day.timezone)::date)
      and (v_now at time zone v_day.timezone)::date > (v_day.opened_at at time zone v_day.timezone)::date
  then
    v_day := (p_user_id, v_now, p_timezone, '{}'::bigint[], '{}'::jsonb, 0);
  end if;
  return v_day;
end;
$$;
comment on function learn_internal.open_paid_day(uuid, text) is
  'What quizzes have paid a learner today, by the clock.';
revoke all on function learn_internal.open_paid_day(uuid, text) from public;
