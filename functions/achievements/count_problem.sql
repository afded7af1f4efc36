-- What is wrong with a count in criteria: it must be a whole number
-- of at least 1 that fits a bigint.
create or replace function learn_internal.count_problem(p_count jsonb, p_path text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_count) is distinct from 'number' then p_path || ' is not a number'
    when p_count::numeric <> trunc(p_count::numeric) then p_path || ' is not a whole number'
    when p_count::numeric < 1 then p_path || ' is less than 1'
    when p_count::numeric > 9223372036854775807 then p_path || ' is too large'
  end;
$$;
comment on function learn_internal.count_problem(jsonb, text) is
  'What is wrong with a count in criteria, in words; null when nothing is.';
