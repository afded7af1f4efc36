-- Where the tallies are not what a recount says: no row when all is well.
create or replace view learn_internal.tally_differences as
select coalesce(r.measure, t.measure) as measure, coalesce(r.day, t.day) as day,
  coalesce(r.item, t.item) as item, coalesce(r.value, 0)::bigint as expected,
  coalesce(t.value, 0) as actual
from learn_internal.tally_recounts r
full join learn_internal.tally_totals t
  on t.measure = r.measure and t.day = r.day and t.item = r.item
where coalesce(r.value, 0) <> coalesce(t.value, 0);
comment on view learn_internal.tally_differences is
  'Tallies that are not what a recount of the rows says.';
