-- The scopes in which a fact counts: the total, and its own where the metric has scopes
-- and the fact names one.
create or replace function learn_internal.metric_scopes(p_properties jsonb, p_scope_property text)
returns setof text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select ''
  union all
  select p_properties ->> p_scope_property
  where p_properties ->> p_scope_property <> '';
$$;
comment on function learn_internal.metric_scopes(jsonb, text) is
  'The scopes in which a fact counts: '''' and its own.';
