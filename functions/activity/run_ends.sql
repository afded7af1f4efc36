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
