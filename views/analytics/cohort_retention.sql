-- Of the learners who registered in a week: how many were active in that week (weeks_since 0) and in
-- each one after it, up to the current one. What was imported from before the registration is left out.
create or replace view learn.cohort_retention as
with cohorts as (
  select w.week_start, w.new_learners
  from learn.weekly_active_learners w
  where w.new_learners > 0
), active as (
  -- case, because a condition on the column may be tried on items of other measures first
  select case when t.measure = 'active_weeks' then t.item::date end as cohort_week,
    t.day as week_start, t.value
  from learn_internal.tally_totals t
  where t.measure = 'active_weeks'
)
select c.week_start as cohort_week, (g.week::date - c.week_start) / 7 as weeks_since,
  c.new_learners as learners, coalesce(a.value, 0) as active_learners,
  round(coalesce(a.value, 0)::numeric / c.new_learners, 4) as share_active
from cohorts c
cross join lateral generate_series(
  c.week_start::timestamp, (select learn.clock() at time zone 'UTC'), interval '7 days') g(week)
left join active a on a.cohort_week = c.week_start and a.week_start = g.week::date;
comment on view learn.cohort_retention is
  'Per week of registration and number of weeks since: learners of that cohort, how many of them were '
  'active in that week, and their share (0 to 1).';
comment on column learn.cohort_retention.weeks_since is
  '0: the week of registration. The last one is the current week, which is not over yet.';
grant select on learn.cohort_retention to learn_app, learn_readonly;
