-- Runs recounted from the log: how long they are, as user_metrics must say, and when they were ended last and made longer
-- last, as user_runs must.
create or replace view learn_internal.run_recounts as
select r.user_id, r.metric, r.scope, count(*) filter (where not r.is_reset and not r.is_over) as value,
  max(r.occurred_at) filter (where r.is_reset) as reset_at,
  max(r.occurred_at) filter (where not r.is_reset) as last_at
from (
  -- by when they occurred; a fact that does both ends a run and begins the next
  select e.*, coalesce(bool_or(e.is_reset) over (
    partition by e.user_id, e.metric, e.scope order by e.occurred_at desc, e.id desc, e.is_reset
    rows between unbounded preceding and 1 preceding), false) as is_over
  from learn_internal.run_facts e
) r
group by r.user_id, r.metric, r.scope;
comment on view learn_internal.run_recounts is
  'How long runs are, and when they were ended last and made longer last, recounted from activity_log.';
