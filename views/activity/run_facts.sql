-- The facts that lengthen runs or end them, in total and by scope; a fact that does both is here twice.
-- Filter by user_id or metric: both conditions reach the tables.
create or replace view learn_internal.run_facts as
select f.user_id, m.key as metric, s.scope, f.occurred_at, f.id, false as is_reset
from learn.metrics m
join learn_internal.counted_facts f on f.activity_type = m.activity_type and f.properties @> m.filter
cross join lateral (
  select ''
  union all
  select f.properties ->> m.scope_property
  where f.properties ->> m.scope_property <> ''
) s(scope)
where m.aggregate = 'run'
union all
select f.user_id, m.key, s.scope, f.occurred_at, f.id, true
from learn.metrics m
join learn_internal.counted_facts f on f.activity_type = m.reset_activity_type
  and f.properties @> m.reset_filter
cross join lateral (
  select ''
  union all
  select f.properties ->> m.scope_property
  where f.properties ->> m.scope_property <> ''
) s(scope);
comment on view learn_internal.run_facts is 'The facts that lengthen runs or end them.';
