-- When runs were ended last and made longer last, recounted from the log: what user_runs must say.
create or replace view learn_internal.run_recounts as
select f.user_id, f.metric, f.scope,
  max(f.occurred_at) filter (where f.is_reset) as reset_at,
  max(f.occurred_at) filter (where not f.is_reset) as last_at
from learn_internal.run_facts f
group by f.user_id, f.metric, f.scope;
comment on view learn_internal.run_recounts is
  'When runs were ended last and made longer last, recounted from activity_log.';
