-- How far a learner is through a course or a track, as a stage of a funnel: 0 enrolled, 1 started,
-- 2, 3 and 4 at least 25, 50 and 75 % done, 5 completed. Completed stays so; the rest is live.
create or replace function learn_internal.funnel_stage(
  p_percentage numeric, p_is_started boolean, p_is_completed boolean
)
returns integer
language plpgsql                  -- called for rows one by one: keeps its plan
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when p_is_completed then 5
    when p_percentage >= 75 then 4
    when p_percentage >= 50 then 3
    when p_percentage >= 25 then 2
    when p_is_started then 1
    else 0
  end;
end;
$$;
comment on function learn_internal.funnel_stage(numeric, boolean, boolean) is
  'Stage of a funnel: 0 enrolled, 1 started, 2 to 4 at least 25, 50, 75 % done, 5 completed.';
revoke all on function learn_internal.funnel_stage(numeric, boolean, boolean) from public;
