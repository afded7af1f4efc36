-- What quizzes have paid a learner today: as noted, or nothing where the day of the note is over. It is over when it is by
-- the learner's zone and by that of its first payment, and the date is a later one: moving between zones
-- makes no second day.
create or replace function learn_internal.open_paid_day(p_user_id uuid)
returns learn_internal.paid_questions
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now   timestamptz := learn.clock();
  v_day   learn_internal.paid_questions;
  v_zone  text;
  v_start time;
  v_then  date;
begin
  select u.timezone, u.day_starts_at into v_zone, v_start from learn.users u where u.id = p_user_id;
  select * into v_day from learn_internal.paid_questions d where d.user_id = p_user_id;
  v_then := (v_day.opened_at at time zone v_day.timezone - v_day.day_starts_at)::date;
  if v_day.user_id is null
    or (v_now at time zone v_zone - v_start)::date
        > greatest((v_day.opened_at at time zone v_zone - v_start)::date, v_then)
      and (v_now at time zone v_day.timezone - v_day.day_starts_at)::date > v_then
  then
    v_day := (p_user_id, v_now, v_zone, v_start, '{}'::bigint[], '{}'::jsonb, 0);
  end if;
  return v_day;
end;
$$;
comment on function learn_internal.open_paid_day(uuid) is
  'What quizzes have paid a learner today, by the clock.';
