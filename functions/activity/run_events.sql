-- What a group of facts (of one user and type, parallel arrays) adds to a run, in total or by scope.
create or replace function learn_internal.run_events(
  p_user_id uuid, p_feed learn_internal.metric_feeds, p_ids bigint[], p_properties jsonb[],
  p_times timestamptz[]
)
returns learn_internal.run_event[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select (p_user_id, (p_feed).metric, coalesce(f.properties ->> (p_feed).scope_property, ''),
      f.id, false, f.at)::learn_internal.run_event
    from unnest(p_ids, p_properties, p_times) f(id, properties, at)
    where f.properties @> (p_feed).filter
      and ((p_feed).scope_property is null or f.properties ->> (p_feed).scope_property <> ''));
end;
$$;
comment on function learn_internal.run_events(
  uuid, learn_internal.metric_feeds, bigint[], jsonb[], timestamptz[]) is
  'What a group of facts adds to a run.';
