-- The days that distinct_days metrics have counted, recounted from the log: what user_metric_days must say. Of learners
-- who have moved, those that are later by both clocks, as chain_days() has it for active days.
create or replace view learn_internal.metric_day_recounts as
select distinct f.user_id, m.key as metric, s.scope, f.local_date as activity_date, 0 as zone_number
from learn.metrics m
join learn_internal.counted_facts f on f.activity_type = m.activity_type and f.properties @> m.filter
join learn.users u on u.id = f.user_id and u.zone_number = 0
cross join lateral learn_internal.metric_scopes(f.properties, m.scope_property) s(scope)
where m.aggregate = 'distinct_days'
union all
select d.user_id, d.metric, d.scope, c.activity_date, c.zone_number
from (
  select z.user_id, z.metric, z.scope, array_agg(
    (z.user_id, z.zone_number, z.local_date, z.first_at, z.last_at, false)::learn_internal.local_days) as days
  from (
    select f.user_id, m.key as metric, s.scope, f.zone_number, f.local_date,
      min(f.occurred_at) as first_at, max(f.occurred_at) as last_at
    from learn.metrics m
    join learn_internal.counted_facts f on f.activity_type = m.activity_type and f.properties @> m.filter
    join learn.users u on u.id = f.user_id and u.zone_number > 0
    cross join lateral learn_internal.metric_scopes(f.properties, m.scope_property) s(scope)
    where m.aggregate = 'distinct_days'
    group by f.user_id, m.key, s.scope, f.zone_number, f.local_date
  ) z
  group by z.user_id, z.metric, z.scope
) d
cross join lateral learn_internal.chain_days(d.days) c;
comment on view learn_internal.metric_day_recounts is
  'Days counted by distinct_days metrics, recounted from activity_log.';
