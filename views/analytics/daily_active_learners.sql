-- Learners with a qualifying activity on a day, and those who registered on it. Days are
-- the learners' local dates. A day without any of both is not listed.
create or replace view learn.daily_active_learners as
select t.day as activity_date,
  coalesce(sum(t.value) filter (where t.measure = 'active_days'), 0)::bigint as active_learners,
  coalesce(sum(t.value) filter (where t.measure = 'registrations'), 0)::bigint as new_learners
from learn_internal.tally_totals t
where t.measure in ('active_days', 'registrations')
group by t.day;
comment on view learn.daily_active_learners is
  'Per local day: learners with a qualifying activity, and learners who registered. '
  'Days with neither are not listed.';
grant select on learn.daily_active_learners to learn_app, learn_readonly;
