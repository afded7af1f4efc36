-- The tallies recounted from the rows that they count: what tally_totals must say.
create or replace view learn_internal.tally_recounts as
select 'registrations' as measure, s.registered_on as day, '' as item, count(*) as value
from learn.user_stats s
group by s.registered_on
union all
select 'active_days', d.activity_date, '', count(*)
from learn.user_activity_days d
where not d.is_freeze
group by d.activity_date
union all
select 'active_weeks', w.week, to_char(w.cohort_week, 'YYYY-MM-DD'), count(*)
from (
  select distinct d.user_id, date_trunc('week', d.activity_date::timestamp)::date as week,
    date_trunc('week', s.registered_on::timestamp)::date as cohort_week
  from learn.user_activity_days d
  join learn.user_stats s on s.user_id = d.user_id
  where not d.is_freeze
) w
group by w.week, w.cohort_week
union all
select 'xp', t.earned_on, t.activity_type, sum(t.amount)
from learn.xp_transactions t
group by t.earned_on, t.activity_type
having sum(t.amount) <> 0;
comment on view learn_internal.tally_recounts is
  'The tallies recounted from the rows that they count.';

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

-- Where tallies are not what the rows say: the part of check_integrity() about analytics.
create or replace view learn_internal.tally_damage (check_name, user_id, expected, actual) as
select 'tallies_follow_from_rows', null::uuid,
  format('%s %s %s: %s', d.measure, d.day, d.item, d.expected),
  format('%s %s %s: %s', d.measure, d.day, d.item, d.actual)
from learn_internal.tally_differences d;
comment on view learn_internal.tally_damage is
  'Where tallies are not what the rows say; no row when all is well.';
