-- Metrics recounted from the log by the definitions of today: what user_metrics must say.
-- Filter by user_id or metric: both conditions reach the tables.
create or replace view learn_internal.metric_recounts as
with fed as not materialized (
  select f.user_id, f.id, f.local_date, m.key as metric, m.aggregate, s.scope,
    case when m.property is null then 1
      else learn_internal.number_property(f.properties, m.property) end as amount
  from learn_internal.counted_facts f
  join learn.metrics m on m.activity_type = f.activity_type and f.properties @> m.filter
  cross join lateral (
    select ''
    union all
    select f.properties ->> m.scope_property
    where f.properties ->> m.scope_property <> ''
  ) s(scope)
)
select t.user_id, t.metric, t.scope,
  case t.aggregate
    when 'max' then greatest(max(t.amount), 0)
    when 'distinct_days' then count(distinct t.local_date)
    else sum(t.amount)
  end::bigint as value
from fed t
where t.aggregate <> 'run' and t.amount is not null
group by t.user_id, t.metric, t.scope, t.aggregate
union all
select r.user_id, r.metric, r.scope,
  count(*) filter (where not r.is_reset and r.id >= coalesce(r.last_reset, 0))
from (
  select e.*, max(e.id) filter (where e.is_reset)
    over (partition by e.user_id, e.metric, e.scope) as last_reset
  from (
    select f.user_id, f.id, f.metric, f.scope, false as is_reset
    from fed f where f.aggregate = 'run'
    union all
    select f.user_id, f.id, m.key, s.scope, true
    from learn_internal.counted_facts f
    join learn.metrics m on m.reset_activity_type = f.activity_type
      and f.properties @> m.reset_filter
    cross join lateral (
      select ''
      union all
      select f.properties ->> m.scope_property
      where f.properties ->> m.scope_property <> ''
    ) s(scope)
  ) e
) r
group by r.user_id, r.metric, r.scope;
comment on view learn_internal.metric_recounts is
  'Metrics recounted from activity_log, one row per user, metric and scope.';
