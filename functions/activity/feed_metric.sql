-- Adds a group of facts (of one user, type and day) to a metric that sums up a property, keeps its
-- maximum, or counts by scope. A fact without the property, or without a scope, adds nothing.
create or replace function learn_internal.feed_metric(
  p_user_id uuid, p_feed learn_internal.metric_feeds, p_properties jsonb[],
  p_local_date date, p_at timestamptz
)
returns learn_internal.win[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  f      record;
  v_old  bigint;
  v_won  learn_internal.win[] := '{}'::learn_internal.win[];
begin
  for f in
    select a.scope,
      (case when (p_feed).aggregate = 'max' then max(a.amount) else sum(a.amount) end)::bigint
        as amount
    from (
      select coalesce(p ->> (p_feed).scope_property, '') as scope,
        case when (p_feed).property is null then 1
          else learn_internal.number_property(p, (p_feed).property) end as amount
      from unnest(p_properties) p
      where p @> (p_feed).filter
        and ((p_feed).scope_property is null or p ->> (p_feed).scope_property <> '')
    ) a
    group by a.scope
  loop
    continue when coalesce(f.amount, 0) = 0;
    if (p_feed).is_board then
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      values (p_user_id, (p_feed).metric, p_local_date, f.amount);
    end if;
    if (p_feed).aggregate = 'max' then  -- rises by what it lacks
      select m.value into v_old from learn.user_metrics m
      where m.user_id = p_user_id and m.metric = (p_feed).metric and m.scope = f.scope;
      f.amount := f.amount - coalesce(v_old, 0);
      continue when f.amount <= 0;
    end if;
    v_won := v_won
      || learn_internal.add_to_metric(p_user_id, (p_feed).metric, f.scope, f.amount, p_at);
  end loop;
  return v_won;
end;
$$;
comment on function learn_internal.feed_metric(
  uuid, learn_internal.metric_feeds, jsonb[], date, timestamptz) is
  'Adds a group of facts to a metric of sums, maxima or scopes; returns what that earns.';
