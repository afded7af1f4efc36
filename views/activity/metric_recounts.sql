-- Metrics recounted from the log by the definitions of today: what user_metrics must say.
-- Filter by user_id or metric: both conditions reach the tables.
create or replace view learn_internal.metric_recounts as
with fed as not materialized (
  select f.user_id, f.local_date, m.key as metric, m.aggregate, s.scope,
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
  count(*) filter (where not r.is_reset and not r.is_over)
from (
  -- by when they occurred; a fact that does both ends a run and begins the next
  select e.*, coalesce(bool_or(e.is_reset) over (
    partition by e.user_id, e.metric, e.scope order by e.occurred_at desc, e.id desc, e.is_reset
    rows between unbounded preceding and 1 preceding), false) as is_over
  from learn_internal.run_facts e
) r
group by r.user_id, r.metric, r.scope;
comment on view learn_internal.metric_recounts is
  'Metrics recounted from activity_log, one row per user, metric and scope.';
