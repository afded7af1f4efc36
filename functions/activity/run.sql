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

-- The runs that a group of facts (of one user and type, parallel arrays) ends, in total and by scope.
create or replace function learn_internal.run_ends(
  p_user_id uuid, p_activity_type text, p_ids bigint[], p_properties jsonb[], p_times timestamptz[]
)
returns learn_internal.run_event[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  m            record;
  v_properties jsonb;
  v_events     learn_internal.run_event[];
begin
  for m in
    select d.key, d.reset_filter, d.scope_property from learn.metrics d
    where d.reset_activity_type = p_activity_type
  loop
    for v_i in 1 .. cardinality(p_ids) loop
      v_properties := p_properties[v_i];
      if v_properties @> m.reset_filter then
        v_events := v_events
          || (p_user_id, m.key, '', p_ids[v_i], true, p_times[v_i])::learn_internal.run_event;
        if v_properties ->> m.scope_property <> '' then
          v_events := v_events || (p_user_id, m.key, v_properties ->> m.scope_property,
            p_ids[v_i], true, p_times[v_i])::learn_internal.run_event;
        end if;
      end if;
    end loop;
  end loop;
  return v_events;
end;
$$;
comment on function learn_internal.run_ends(uuid, text, bigint[], jsonb[], timestamptz[]) is
  'The runs that a group of facts ends.';

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

-- How many of a user's facts have made a run longer after a time: where something that ended it comes late.
-- Facts are recorded at most 5 minutes before they occur, which leaves the log from before alone.
create or replace function learn_internal.run_since(
  p_user_id uuid, p_metric text, p_scope text, p_at timestamptz
)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select count(*)
    from learn.metrics m
    join learn_internal.counted_facts f on f.activity_type = m.activity_type and f.properties @> m.filter
    where m.key = p_metric and f.user_id = p_user_id
      and f.occurred_at > p_at and f.recorded_at > p_at - interval '5 minutes'
      and (p_scope = '' or f.properties ->> m.scope_property = p_scope));
end;
$$;
comment on function learn_internal.run_since(uuid, text, text, timestamptz) is
  'How many of a user''s facts have made a run longer after a time.';
