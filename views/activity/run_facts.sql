-- The facts that lengthen runs or end them, in total and by scope; a fact that does both is here twice.
-- Filter by user_id or metric: both conditions reach the tables.
create or replace view learn_internal.run_facts as
select f.user_id, m.metric, case when m.is_scoped then f.properties ->> m.scope_property else '' end as scope,
  f.occurred_at, f.id, m.is_reset
from (
  select r.key as metric, e.activity_type, e.filter, e.is_reset, s.is_scoped, r.scope_property
  from learn.metrics r
  cross join lateral (
    values (r.activity_type, r.filter, false), (r.reset_activity_type, r.reset_filter, true)
  ) e(activity_type, filter, is_reset)
  cross join (values (false), (true)) s(is_scoped)
  where r.aggregate = 'run' and (r.scope_property is not null or not s.is_scoped)
) m
join learn_internal.counted_facts f on f.activity_type = m.activity_type and f.properties @> m.filter
where not m.is_scoped or f.properties ->> m.scope_property <> '';
comment on view learn_internal.run_facts is 'The facts that lengthen runs or end them.';
