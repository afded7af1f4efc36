-- Whether one of some times, of which the latest and the earliest are given, dates nothing that has
-- happened: it lies more than 5 minutes ahead of the clock, or before 1970. Infinity is one or the other.
-- Asked in the WHEN clauses of row triggers: see refuse_times().
create or replace function learn_internal.is_off_time(p_latest timestamptz, p_earliest timestamptz)
returns boolean
language plpgsql                  -- keeps its plan
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(p_earliest < '1970-01-01 00:00:00+00', false)
    or coalesce(p_latest > coalesce((select o.now_is from learn_internal.clock_override o), now())
      + interval '5 minutes', false);
end;
$$;
comment on function learn_internal.is_off_time(timestamptz, timestamptz) is
  'Whether the latest or the earliest of some times lies ahead of the clock or before 1970.';
