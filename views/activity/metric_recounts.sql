-- Metrics recounted from the log by the definitions of today: what user_metrics must say.
-- Filter by user_id or metric: both conditions reach the tables.
create or replace view learn_internal.metric_recounts as
select c.user_id, c.metric, c.scope, c.value
from learn_internal.count_recounts c
union all
select r.user_id, r.metric, r.scope, r.value
from learn_internal.run_recounts r;
comment on view learn_internal.metric_recounts is
  'Metrics recounted from activity_log, one row per user, metric and scope.';
