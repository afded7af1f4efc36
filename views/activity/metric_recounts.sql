-- Metrics recounted from the log by the definitions of today: what user_metrics must say.
-- Filter by user_id or metric: both conditions reach the tables.
create or replace view learn_internal.metric_recounts as
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
group by d.user_id, d.metric, d.scope
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
