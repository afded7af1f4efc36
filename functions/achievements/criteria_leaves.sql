-- The conditions on single metrics in an achievement's criteria.
create or replace function learn_internal.criteria_leaves(p_criteria jsonb)
returns table (metric text, scope text, threshold bigint, is_sole boolean)
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  with recursive nodes(node, is_root) as (
    select p_criteria, true
    union all
    select c.value, false
    from nodes n
    cross join lateral jsonb_array_elements(
      coalesce(n.node -> 'all', n.node -> 'any', n.node -> 'of')) c
    where not n.node ? 'metric'
  )
  select n.node ->> 'metric', coalesce(n.node ->> 'scope', ''),
    (n.node ->> 'at_least')::numeric::bigint, n.is_root
  from nodes n
  where n.node ? 'metric';
$$;
comment on function learn_internal.criteria_leaves(jsonb) is
  'The conditions on single metrics in an achievement''s criteria.';
