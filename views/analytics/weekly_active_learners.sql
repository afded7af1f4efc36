-- Learners with a qualifying activity in a week, each counted once, and those who registered in it.
create or replace view learn.weekly_active_learners as
select date_trunc('week', t.day::timestamp)::date as week_start,
  coalesce(sum(t.value) filter (where t.measure = 'active_weeks'), 0)::bigint as active_learners,
  coalesce(sum(t.value) filter (where t.measure = 'registrations'), 0)::bigint as new_learners
from learn_internal.tally_totals t
where t.measure in ('active_weeks', 'registrations')
group by 1;
comment on view learn.weekly_active_learners is
  'Per week (Monday): learners with a qualifying activity in it, each counted once, and learners '
  'who registered. Weeks with neither are not listed.';
grant select on learn.weekly_active_learners to learn_app, learn_readonly;
