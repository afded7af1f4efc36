-- Whether one of some local dates, of which the latest and the earliest are given, is no learner's yet:
-- not even where the day begins first, 14 hours ahead of UTC; or whether it lies before 1970.
create or replace function learn_internal.is_off_date(p_latest date, p_earliest date)
returns boolean
language plpgsql                  -- keeps its plan
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(p_earliest < '1970-01-01', false)
    or coalesce(p_latest > (
      (coalesce((select o.now_is from learn_internal.clock_override o), now())
        + interval '14 hours 5 minutes') at time zone 'UTC')::date, false);
end;
$$;
comment on function learn_internal.is_off_date(date, date) is
  'Whether the latest or the earliest of some local dates lies ahead everywhere, or before 1970.';
