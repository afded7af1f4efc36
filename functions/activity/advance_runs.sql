-- Moves runs: facts that lengthen one, and facts that end it, by the times at which they occurred (then by
-- their ids); a fact that does both ends a run and begins the next. What comes late counts in its place: it
-- may lengthen a run of the past, or cut the one that goes on. Achievements go by the longest that a run was
-- on the way.
create or replace function learn_internal.advance_runs(p_events learn_internal.run_event[])
returns learn_internal.win[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  e       learn_internal.run_event;
  v_run   learn_internal.user_runs;
  v_next  learn_internal.run_event;
  v_count integer := cardinality(p_events);
  v_place integer := 0;
  v_old   bigint;
  v_value bigint;
  v_peak  bigint;
  v_won   learn_internal.win[];
begin
  if v_count > 1 then
    p_events := array(
      select v from unnest(p_events) v
      order by (v).user_id, (v).metric, (v).scope, (v).at, (v).id, (v).is_end desc);
  end if;
  foreach e in array p_events loop
    v_place := v_place + 1;
    if v_run.user_id is null then
      select * into v_run from learn_internal.user_runs r
      where r.user_id = e.user_id and r.metric = e.metric and r.scope = e.scope;
      v_run.user_id := e.user_id;
      select m.value into v_old from learn.user_metrics m
      where m.user_id = e.user_id and m.metric = e.metric and m.scope = e.scope;
      v_old := coalesce(v_old, 0);
      v_value := v_old;
      v_peak := v_old;
    end if;

    if e.is_end then
      if e.at < v_run.last_at and (v_run.reset_at is null or e.at >= v_run.reset_at) then
        v_value := learn_internal.run_since(e.user_id, e.metric, e.scope, e.at);
      elsif v_run.reset_at is null or e.at >= v_run.reset_at then
        v_value := 0;
      end if;
      v_run.reset_at := greatest(v_run.reset_at, e.at);
    else
      if v_run.reset_at is null or e.at >= v_run.reset_at then
        v_value := v_value + 1;
        v_peak := greatest(v_peak, v_value);
      elsif exists (
        select from learn_internal.achievement_thresholds t
        where t.metric = e.metric and t.scope = e.scope and t.threshold > v_peak and not exists (
          select from learn.user_achievements a
          where a.user_id = e.user_id and a.achievement_id = t.achievement_id))
      then
        v_peak := greatest(
          v_peak, learn_internal.run_around(e.user_id, e.metric, e.scope, e.at, e.id));
      end if;
      v_run.last_at := greatest(v_run.last_at, e.at);
    end if;

    v_next := p_events[v_place + 1];
    if v_place = v_count
      or (v_next.user_id, v_next.metric, v_next.scope) <> (e.user_id, e.metric, e.scope)
    then
      insert into learn_internal.user_runs (user_id, metric, scope, reset_at, last_at)
      values (e.user_id, e.metric, e.scope, v_run.reset_at, v_run.last_at)
      on conflict (user_id, metric, scope) do update
        set reset_at = excluded.reset_at, last_at = excluded.last_at;
      if v_value <> v_old then
        insert into learn.user_metrics (user_id, metric, scope, value)
        values (e.user_id, e.metric, e.scope, v_value)
        on conflict (user_id, metric, scope) do update set value = excluded.value;
        insert into learn_internal.board_gains (user_id, metric, local_date, amount)
        select e.user_id, m.key, '-infinity', v_value - v_old
        from learn.metrics m
        where m.key = e.metric and m.is_board and e.scope = '';
      end if;
      if v_peak > v_old then
        v_won := v_won || learn_internal.crossed_thresholds(
          e.user_id, array[e.metric], e.scope, array[v_old], array[v_peak], greatest(learn.clock(), e.at));
      end if;
      v_run.user_id := null;
    end if;
  end loop;
  return v_won;
end;
$$;
comment on function learn_internal.advance_runs(learn_internal.run_event[]) is
  'Moves the runs that facts lengthen or end, by when they occurred; returns what that earns.';
