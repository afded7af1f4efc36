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
from learn_internal.all_payments t
group by t.earned_on, t.activity_type
having sum(t.amount) <> 0;
comment on view learn_internal.tally_recounts is
  'The tallies recounted from the rows that they count.';
