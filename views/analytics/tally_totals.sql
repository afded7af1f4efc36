-- The tallies as of now: as they were written down last, what has changed since, and the XP that is yet
-- to be merged. Exact in every snapshot, because a change is a row of the transaction that makes it.
-- Filter by measure and day: the conditions reach the tables.
create or replace view learn_internal.tally_totals as
select c.measure, c.day, c.item, sum(c.value)::bigint as value
from (
  select t.measure, t.day, t.item, t.value from learn_internal.tallies t
  union all
  select t.measure, t.day, t.item, t.value from learn_internal.tally_changes t
  union all
  select 'xp', g.local_date, g.activity_type, g.amount
  from learn_internal.board_gains g
  where g.metric in ('xp', 'no board') and g.activity_type is not null
) c
group by c.measure, c.day, c.item
having sum(c.value) <> 0;
comment on view learn_internal.tally_totals is
  'The tallies as of now: those written down, and what has changed since.';
