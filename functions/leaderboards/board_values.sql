-- Who is on a board, with what: users who are active and want to be seen, with a value above 0. Days
-- are the users' local dates. Computed from the ledger, the log and the counters as they are now,
-- so that it is right in every transaction; it reads the whole board.
-- Errors: LX001 no such period, no board of this metric, or none of it for periods.
create or replace function learn_internal.board_values(
  p_period text, p_metric text, p_on date
)
returns table (user_id uuid, value bigint)
language plpgsql
stable
set search_path = ''
as $$
declare
  v_from   date := learn_internal.period_start(p_period, p_on);
  v_until  date := case p_period
    when 'day' then v_from + 1 when 'week' then v_from + 7
    when 'month' then (v_from + interval '1 month')::date end;
  v_metric learn.metrics;
begin
  select m.* into v_metric from learn.metrics m where m.key = p_metric and m.is_board;
  if not found
    or p_period <> 'all_time' and (v_metric.aggregate = 'run'
      or v_metric.aggregate = 'stat' and p_metric not in ('xp', 'active_days'))
  then
    raise exception 'there is no such board'
      using errcode = 'LX001',
        detail = format('p_metric = %s, p_period = %s', coalesce(p_metric, 'null'), p_period),
        hint = 'Boards are of the metrics where learn.metrics.is_board; of runs, levels and the '
          'streak there are only those of all_time.';
  end if;

  return query
  select b.user_id, b.value
  from (
    select s.user_id, case p_metric
        when 'xp' then s.total_xp
        when 'level_reached' then s.highest_level
        when 'active_days' then s.active_days
        -- missed days that freezes cover are rare: asked only where they may matter
        when 'current_streak' then case
          when s.current_streak = 0
            or s.last_activity_date < p_on - 2 - s.streak_freezes then 0
          else learn.calculate_user_streak(s.user_id) end
      end as value
    from learn.user_stats s
    where p_period = 'all_time' and v_metric.aggregate = 'stat'
    union all
    select m.user_id, m.value
    from learn.user_metrics m
    where p_period = 'all_time' and v_metric.aggregate <> 'stat'
      and m.metric = p_metric and m.scope = ''
    union all
    select t.user_id, sum(t.amount)::bigint
    from learn.xp_transactions t
    where p_period <> 'all_time' and p_metric = 'xp'
      and t.earned_on >= v_from and t.earned_on < v_until
      and t.created_at >= v_from - interval '2 days'  -- no row is older than its day
    group by t.user_id
    union all
    select d.user_id, count(*)
    from learn.user_activity_days d
    where p_period <> 'all_time' and p_metric = 'active_days'
      and d.activity_date >= v_from and d.activity_date < v_until and not d.is_freeze
    group by d.user_id
    union all
    select f.user_id, case v_metric.aggregate
        when 'count' then count(*)
        when 'sum' then sum(learn_internal.number_property(f.properties, v_metric.property))
        when 'max' then max(learn_internal.number_property(f.properties, v_metric.property))
        else count(distinct f.local_date)
      end::bigint
    from learn.activity_log f
    where p_period <> 'all_time' and v_metric.aggregate <> 'stat'
      and f.activity_type = v_metric.activity_type and f.properties @> v_metric.filter
      and f.local_date >= v_from and f.local_date < v_until
      and f.recorded_at >= v_from - interval '2 days'
    group by f.user_id
  ) b
  join learn.users u on u.id = b.user_id and u.is_active and u.show_on_leaderboard
  where b.value > 0;
end;
$$;
comment on function learn_internal.board_values(text, text, date) is
  'Who is on a board, with what value: computed live.';
revoke all on function learn_internal.board_values(text, text, date) from public;
