-- Whether a value of a fact's properties can be summed up: missing, null,
-- or a number that fits a counter.
create or replace function learn_internal.is_countable(p_value jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case coalesce(jsonb_typeof(p_value), 'null')
    when 'null' then true
    when 'number' then abs(p_value::numeric) <= 1e12
    else false
  end;
$$;
comment on function learn_internal.is_countable(jsonb) is
  'Whether a value of a fact''s properties can be summed up: missing, null, '
  'or a number of at most 1e12.';
