-- The days that distinct_days metrics have counted, recounted from the log:
-- what user_metric_days must say.
create or replace view learn_internal.metric_day_recounts as
select distinct f.user_id, m.key as metric, s.scope, f.local_date as activity_date
from learn.metrics m
join learn_internal.counted_facts f on f.activity_type = m.activity_type and f.properties @> m.filter
cross join lateral learn_internal.metric_scopes(f.properties, m.scope_property) s(scope)
where m.aggregate = 'distinct_days';
comment on view learn_internal.metric_day_recounts is
  'Days counted by distinct_days metrics, recounted from activity_log.';
