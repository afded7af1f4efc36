-- SQLSTATE for an activity that cannot be recorded: LX010 for a type that only Laurel writes,
-- else LX001.
create or replace function learn_internal.activity_problem_code(p_activity_type text)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select case when exists (
    select from learn.activity_types t where t.key = p_activity_type and t.is_internal
  ) then 'LX010' else 'LX001' end;
$$;
comment on function learn_internal.activity_problem_code(text) is
  'SQLSTATE for an activity that cannot be recorded.';
