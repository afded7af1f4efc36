-- Makes a day of a user active, if it is not yet, and moves the streak. A day after the last one
-- continues the run or starts a new one, and freezes in hand cover a gap before it. A late day leaves what it
-- would have left in time: settle_streak(). Where there are several zones, see open_moved_day(). Returns the achievements
-- that this earns, and what boards and analytics are to count. The caller has locked the user; p_stats is the row as it
-- is now.
create or replace function learn_internal.open_day(
  p_stats learn.user_stats, p_date date, p_zone_number integer, p_first timestamptz,
  p_last timestamptz, p_at timestamptz, p_terms learn_internal.day_terms
)
returns learn_internal.opened_day
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := (p_stats).user_id;
  v_last    date := (p_stats).last_activity_date;
  v_streak  integer := 0;            -- the run that this day continues
  v_stats   learn.user_stats;
  v_day     learn_internal.opened_day;
  v_metric  text;
  v_week    date := date_trunc('week', p_date::timestamp)::date;
  v_is_first_of_week boolean := v_last is null or v_last < v_week;
begin
  if (p_stats).settled_zone <> p_zone_number or p_zone_number > 0 and p_date <= v_last then
    v_day.won := learn_internal.open_moved_day(p_stats, p_date, p_zone_number, p_first, p_last, p_at);
    return v_day;
  elsif p_zone_number > 0 then
    insert into learn_internal.local_days
      (user_id, zone_number, local_date, first_at, last_at, is_active)
    values (v_user_id, p_zone_number, p_date, p_first, p_last, true);
  end if;
  if p_date < v_last then
    if exists (
      select from learn.user_activity_days d
      where d.user_id = v_user_id and d.activity_date = p_date and not d.is_freeze)
    then
      return v_day;
    end if;
    v_is_first_of_week := not exists (
      select from learn.user_activity_days d
      where d.user_id = v_user_id and d.activity_date between v_week and v_week + 6
        and not d.is_freeze);
  elsif (p_stats).streak_freezes > 0 and p_date > v_last + 1 then
    perform learn_internal.spend_streak_freezes(v_user_id, v_last, p_date, learn.clock());
  end if;

  insert into learn.user_activity_days (user_id, activity_date) values (v_user_id, p_date)
  on conflict do nothing;
  if not found then
    update learn.user_activity_days d set is_freeze = false
    where d.user_id = v_user_id and d.activity_date = p_date;
  end if;
  if p_date < v_last then
    v_stats := learn_internal.settle_streak(v_user_id, p_date);
  else
    if v_last is not null then
      if exists (
        select from learn.user_activity_days d
        where d.user_id = v_user_id and d.activity_date = p_date - 1)
      then
        v_streak := (p_stats).current_streak;
      end if;
    end if;
    update learn.user_stats s
    set current_streak = v_streak + 1, longest_streak = greatest(s.longest_streak, v_streak + 1),
      active_days = s.active_days + 1, last_activity_date = p_date,
      last_active_at = greatest(s.last_active_at, p_at)
    where s.user_id = v_user_id
    returning s.* into v_stats;
  end if;
  foreach v_metric in array (p_terms).boards loop
    continue when v_metric = 'longest_streak' and p_date <= v_last;  -- of a late day settle_streak() says it
    v_day.gains := v_day.gains || (
      v_user_id, v_metric, case v_metric when 'current_streak' then '-infinity' else p_date end, null,
      case v_metric when 'active_days' then 1 when 'longest_streak' then v_stats.current_streak end
    )::learn_internal.gain;
  end loop;

  -- Analytics count days, and weeks by the week of registration.
  v_day.day := p_date;
  if v_is_first_of_week then
    v_day.week := v_week;
    v_day.cohort := date_trunc('week', (p_stats).registered_on::timestamp)::date;
  end if;

  -- A streak that has grown by so many days earns a freeze: see walk_streak().
  if (p_terms).freeze_every > 0 and v_stats.current_streak % (p_terms).freeze_every = 0
    and (v_last is null or p_date > v_last)
  then
    if learn_internal.setting_number('streak_freeze_maximum') > (
      select count(*) from learn.streak_freezes f
      where f.user_id = v_user_id and f.used_on is null and f.granted_on < p_date)
    then
      perform learn_internal.give_streak_freezes(
        v_user_id, p_date, 1, 'streak_freeze_earned', learn.clock());
    end if;
  end if;
  v_day.won := learn_internal.crossed_thresholds(v_user_id, array['active_days', 'current_streak'], '',
    array[(p_stats).active_days::bigint, (p_stats).longest_streak],
    array[v_stats.active_days::bigint, v_stats.longest_streak], p_at);
  return v_day;
end;
$$;
comment on function learn_internal.open_day(
  learn.user_stats, date, integer, timestamptz, timestamptz, timestamptz, learn_internal.day_terms) is
  'Makes a day of a user active and moves the streak; spends, returns and earns freezes on the way.';
