-- Makes the tallies what a recount of everybody's rows says: a part of every rebuild, since rows that
-- were lost behind the triggers' backs are still counted. Waits for refresh_analytics(). What learners
-- do meanwhile is not visible here, neither their rows nor the changes that come with them.
create or replace function learn_internal.settle_tallies()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  lock table learn_internal.tallies in share update exclusive mode;
  insert into learn_internal.tallies as t (measure, day, item, value)
  select d.measure, d.day, d.item, d.expected - d.actual
  from learn_internal.tally_differences d
  on conflict (measure, day, item) do update set value = t.value + excluded.value;
end;
$$;
comment on function learn_internal.settle_tallies() is
  'Makes the tallies what a recount of the rows says.';
