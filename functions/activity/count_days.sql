-- Counts a day of a user for the metrics of distinct days that a type of fact feeds, each once.
create or replace function learn_internal.count_days(
  p_user_id uuid, p_activity_type text, p_local_date date, p_properties jsonb[], p_at timestamptz
)
returns learn_internal.win[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  d     record;
  v_won learn_internal.win[] := '{}'::learn_internal.win[];
begin
  for d in
    select distinct m.key as metric, s.scope, m.is_board and s.scope = '' as is_board
    from learn.metrics m
    cross join unnest(p_properties) p
    cross join lateral learn_internal.metric_scopes(p, m.scope_property) s(scope)
    where m.activity_type = p_activity_type and m.aggregate = 'distinct_days' and p @> m.filter
  loop
    insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
    values (p_user_id, d.metric, d.scope, p_local_date)
    on conflict do nothing;
    continue when not found;
    v_won := v_won || learn_internal.add_to_metric(p_user_id, d.metric, d.scope, 1, p_at);
    if d.is_board then
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      values (p_user_id, d.metric, p_local_date, 1);
    end if;
  end loop;
  return v_won;
end;
$$;
comment on function learn_internal.count_days(uuid, text, date, jsonb[], timestamptz) is
  'Counts a day of a user for the metrics of distinct days; returns what that earns.';
