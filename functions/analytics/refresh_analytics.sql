-- Adds what has changed since the last time to the tallies, so that the views of analytics have less
-- to sum up. They are exact before and after. One transaction: a run that is killed leaves everything
-- as it was. Readers and learners do not wait; a second run waits for the first, and has what is left.
-- Returns the number of changes.
create or replace function learn.refresh_analytics()
returns bigint
language plpgsql
volatile
security definer                  -- the tallies are the owner's
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_changes bigint;
begin
  lock table learn_internal.tallies in share update exclusive mode;
  with taken as (
    delete from learn_internal.tally_changes returning measure, day, item, value
  ), added as (
    insert into learn_internal.tallies as t (measure, day, item, value)
    select c.measure, c.day, c.item, sum(c.value)
    from taken c
    group by c.measure, c.day, c.item
    having sum(c.value) <> 0
    on conflict (measure, day, item) do update set value = t.value + excluded.value
  )
  select count(*) into v_changes from taken;
  delete from learn_internal.tallies t where t.value = 0;
  return v_changes;
end;
$$;
comment on function learn.refresh_analytics() is
  'Adds what has changed since the last time to the tallies behind the views of analytics, which are '
  'exact at any time; returns how many changes. From a scheduler, every few minutes.';
grant execute on function learn.refresh_analytics() to learn_app;
