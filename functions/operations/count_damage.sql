-- How many rows each check of integrity finds, and the least of what they have and should have. Read it as learn.health.
create or replace function learn_internal.count_damage()
returns table (check_name text, rows bigint, expected text, actual text)
language sql
stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  select d.check_name, count(*), min(d.expected), min(d.actual)
  from learn_internal.damage d
  group by d.check_name
$$;
comment on function learn_internal.count_damage() is
  'How many rows each check of integrity finds. Read it as learn.health.';
