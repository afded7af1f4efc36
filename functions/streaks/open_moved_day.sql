-- What open_day() does, for a learner who has learned in several zones: notes when something was learned on which
-- local date, settles which dates are active days, and the streak. Returns the achievements that this earns.
-- The caller has locked the user; p_stats is the row as it is now.
create or replace function learn_internal.open_moved_day(
  p_stats learn.user_stats, p_date date, p_zone_number integer, p_first timestamptz,
  p_last timestamptz, p_at timestamptz
)
returns learn_internal.win[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := (p_stats).user_id;
  v_day     learn_internal.local_days;
  v_moves   record;
  v_weeks   date[];               -- those that had an active day before
  v_stats   learn.user_stats;
begin
  if (p_stats).settled_zone = 0 then  -- so far there was one zone
    insert into learn_internal.local_days (user_id, zone_number, local_date, is_active)
    select v_user_id, 0, a.activity_date, true
    from learn.user_activity_days a
    where a.user_id = v_user_id and not a.is_freeze;
  end if;
  insert into learn_internal.local_days as d (user_id, zone_number, local_date, first_at, last_at)
  values (v_user_id, p_zone_number, p_date, p_first, p_last)
  on conflict (user_id, zone_number, local_date) do update
    set first_at = least(d.first_at, excluded.first_at),
      last_at = greatest(d.last_at, excluded.last_at)
  returning d.* into v_day;
  if v_day.is_active and v_day.first_at < p_first then
    return '{}'::learn_internal.win[];
  end if;

  v_weeks := array(
    select distinct date_trunc('week', d.activity_date::timestamp)::date
    from learn.user_activity_days d
    where d.user_id = v_user_id and not d.is_freeze);
  select * into v_moves from learn_internal.settle_days(v_user_id);
  if v_moves.changed_from is null then
    return '{}'::learn_internal.win[];
  end if;
  v_stats := learn_internal.settle_streak(v_user_id, v_moves.changed_from);

  insert into learn_internal.board_gains (user_id, metric, local_date, amount)
  select v_user_id, m.key, g.day, g.days
  from learn.metrics m
  join (
    select 'active_days' as metric, a as day, 1 as days from unnest(v_moves.added) a
    union all
    select 'active_days', r, -1 from unnest(v_moves.removed) r
    union all
    select 'current_streak', '-infinity', null
  ) g on g.metric = m.key
  where m.is_board;
  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'active_days', a, '', 1 from unnest(v_moves.added) a
  union all
  select 'active_days', r, '', -1 from unnest(v_moves.removed) r
  union all
  select 'active_weeks', coalesce(w.week, b.week),
    to_char(date_trunc('week', (p_stats).registered_on::timestamp), 'YYYY-MM-DD'),
    case when b.week is null then 1 else -1 end
  from (
    select distinct date_trunc('week', d.activity_date::timestamp)::date as week
    from learn.user_activity_days d
    where d.user_id = v_user_id and not d.is_freeze
  ) w
  full join unnest(v_weeks) b(week) on b.week = w.week
  where w.week is null or b.week is null;
  return learn_internal.crossed_thresholds(v_user_id, array['current_streak', 'active_days'], '',
    array[(p_stats).longest_streak::bigint, (p_stats).active_days],
    array[v_stats.longest_streak::bigint, v_stats.active_days], p_at);
end;
$$;
comment on function learn_internal.open_moved_day(
  learn.user_stats, date, integer, timestamptz, timestamptz, timestamptz) is
  'Makes a day active, of a learner who has learned in several zones, and moves the streak.';
