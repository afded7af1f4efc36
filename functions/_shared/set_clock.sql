-- Stops Laurel's clock at a time, or lets it run again (null). For tests; only the owner may.
create or replace function learn_internal.set_clock(p_at timestamptz)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  delete from learn_internal.clock_override;
  insert into learn_internal.clock_override (now_is) select p_at where p_at is not null;
$$;
comment on function learn_internal.set_clock(timestamptz) is
  'Stops learn.clock() at a time; null lets it run again. For tests.';
