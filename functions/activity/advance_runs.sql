-- Moves runs: facts that lengthen one, and facts that end it, in the order of their ids; a fact that
-- does both ends a run and begins the next. Achievements go by the longest that a run was on the way.
create or replace function learn_internal.advance_runs(p_events learn_internal.run_event[])
returns learn_internal.win[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  r       record;
  e       boolean;
  v_old   bigint;
  v_value bigint;
  v_peak  bigint;
  v_win   learn_internal.win;
  v_won   learn_internal.win[] := '{}'::learn_internal.win[];
begin
  for r in
    select v.user_id, v.metric, v.scope, max(v.at) as at,
      array_agg(v.is_end order by v.id, v.is_end desc) as ends
    from unnest(p_events) v
    group by v.user_id, v.metric, v.scope
    order by v.user_id, v.metric, v.scope
  loop
    select m.value into v_old from learn.user_metrics m
    where m.user_id = r.user_id and m.metric = r.metric and m.scope = r.scope;
    v_old := coalesce(v_old, 0);
    v_value := v_old;
    v_peak := v_old;
    foreach e in array r.ends loop
      v_value := case when e then 0 else v_value + 1 end;
      v_peak := greatest(v_peak, v_value);
    end loop;
    if v_value <> v_old then
      insert into learn.user_metrics (user_id, metric, scope, value)
      values (r.user_id, r.metric, r.scope, v_value)
      on conflict (user_id, metric, scope) do update set value = excluded.value;
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select r.user_id, m.key, '-infinity', v_value - v_old
      from learn.metrics m
      where m.key = r.metric and m.is_board and r.scope = '';
    end if;
    foreach v_win in array learn_internal.crossed_thresholds(
      r.user_id, r.metric, r.scope, v_old, v_peak, r.at)
    loop
      v_won := v_won || v_win;
    end loop;
  end loop;
  return v_won;
end;
$$;
comment on function learn_internal.advance_runs(learn_internal.run_event[]) is
  'Moves the runs that facts lengthen or end; returns what that earns.';
revoke all on function learn_internal.advance_runs(learn_internal.run_event[]) from public;
