-- Metrics that are no runs, recounted from the log by the definitions of today.
-- Filter by user_id or metric: both conditions reach the tables.
create or replace view learn_internal.count_recounts as
select t.user_id, t.metric, t.scope,
  case when bool_or(t.is_maximum) then greatest(max(t.amount), 0) else sum(t.amount) end::bigint as value
from (
  select f.user_id, m.metric, m.aggregate = 'max' as is_maximum,
    case when m.is_scoped then f.properties ->> m.scope_property else '' end as scope,
    case when m.property is null then 1
      else learn_internal.number_property(f.properties, m.property) end as amount
  from learn_internal.counted_facts f
  join (select * from learn_internal.due_feeds offset 0) m on m.activity_type = f.activity_type and f.properties @> m.filter
  where m.aggregate in ('count', 'sum', 'max')
    and (not m.is_scoped or f.properties ->> m.scope_property <> '')
) t
where t.amount is not null
group by t.user_id, t.metric, t.scope
union all
select d.user_id, d.metric, d.scope, count(*)
from learn_internal.metric_day_recounts d
group by d.user_id, d.metric, d.scope;
comment on view learn_internal.count_recounts is
  'Metrics that are no runs, recounted from activity_log, one row per user, metric and scope.';
