-- How long the run of the past is to which a fact belongs that has come late, by its time and id: between what
-- ended one before it and what ends one after it.
create or replace function learn_internal.run_around(
  p_user_id uuid, p_metric text, p_scope text, p_at timestamptz, p_id bigint
)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_metric learn.metrics;
  v_from   record;
  v_until  record;
begin
  select * into v_metric from learn.metrics m where m.key = p_metric;
  select f.occurred_at as at, f.id into v_from
  from learn_internal.counted_facts f
  where f.user_id = p_user_id and f.activity_type = v_metric.reset_activity_type
    and f.properties @> v_metric.reset_filter and (f.occurred_at, f.id) <= (p_at, p_id)
    and (p_scope = '' or f.properties ->> v_metric.scope_property = p_scope)
  order by f.occurred_at desc, f.id desc
  limit 1;
  select f.occurred_at as at, f.id into v_until
  from learn_internal.counted_facts f
  where f.user_id = p_user_id and f.activity_type = v_metric.reset_activity_type
    and f.properties @> v_metric.reset_filter and (f.occurred_at, f.id) > (p_at, p_id)
    and (p_scope = '' or f.properties ->> v_metric.scope_property = p_scope)
  order by f.occurred_at, f.id
  limit 1;
  return (
    select count(*)
    from learn_internal.counted_facts f
    where f.user_id = p_user_id and f.activity_type = v_metric.activity_type
      and f.properties @> v_metric.filter
      and (v_from.at is null or (f.occurred_at, f.id) >= (v_from.at, v_from.id))
      and (v_until.at is null or (f.occurred_at, f.id) < (v_until.at, v_until.id))
      and (p_scope = '' or f.properties ->> v_metric.scope_property = p_scope));
end;
$$;
comment on function learn_internal.run_around(uuid, text, text, timestamptz, bigint) is
  'How long the run of the past is to which a fact belongs that has come late.';
