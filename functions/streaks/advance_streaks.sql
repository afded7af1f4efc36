-- Makes days of users active and moves their streaks. Takes parallel arrays of days
-- that are not active yet, each day once, in the order in which they became known.
-- The users' stats rows are locked by the caller.
-- A user's days are taken one at a time, because freezes earned and spent on one decide about the
-- next: the loop runs once per new day of the user with the most, each time for all users at once.
-- A single fact is one round.
create or replace function learn_internal.advance_streaks(
  p_user_ids uuid[], p_dates date[], p_at timestamptz
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_rounds    integer[];
  v_last      integer;
  v_gap       record;
  v_earners   uuid[];
  v_earned_on date[];
  v_every     integer := learn_internal.setting_number('streak_freeze_every_days');
  v_maximum   integer := learn_internal.setting_number('streak_freeze_maximum');
begin
  select array_agg(n.round order by n.position), max(n.round) into v_rounds, v_last
  from (
    select d.position,
      (row_number() over (partition by d.user_id order by d.position))::integer as round
    from unnest(p_user_ids) with ordinality d(user_id, position)
  ) n;

  for v_round in 1 .. coalesce(v_last, 0) loop
    -- A freeze in hand covers a gap before the new day.
    for v_gap in
      select s.user_id, s.last_activity_date, d.activity_date
      from unnest(p_user_ids, p_dates, v_rounds) d(user_id, activity_date, round)
      join learn.user_stats s on s.user_id = any (array[d.user_id])
      where d.round = v_round and s.streak_freezes > 0
        and d.activity_date > s.last_activity_date + 1
      order by s.user_id
    loop
      perform learn_internal.spend_streak_freezes(
        v_gap.user_id, v_gap.last_activity_date, v_gap.activity_date, p_at);
    end loop;

    -- A day that a freeze covered and that was active after all gives the freeze back.
    with returned as (
      update learn.streak_freezes f
      set used_on = null
      from unnest(p_user_ids, p_dates, v_rounds) d(user_id, activity_date, round)
      where d.round = v_round and f.user_id = any (array[d.user_id])
        and f.used_on = d.activity_date
      returning f.user_id
    )
    update learn.user_stats s
    set streak_freezes = s.streak_freezes + 1
    from returned r
    where s.user_id = any (array[r.user_id]);

    insert into learn.user_activity_days (user_id, activity_date)
    select d.user_id, d.activity_date
    from unnest(p_user_ids, p_dates, v_rounds) d(user_id, activity_date, round)
    where d.round = v_round
    on conflict (user_id, activity_date) do update set is_freeze = false;

    -- A day after the last one continues the run or starts a new one;
    -- a late day may join two runs: recount.
    with moved as (
      update learn.user_stats s
      set current_streak = n.current_streak,
        longest_streak = greatest(s.longest_streak, n.longest_streak),
        active_days = s.active_days + 1,
        last_activity_date = greatest(s.last_activity_date, d.activity_date)
      from unnest(p_user_ids, p_dates, v_rounds) d(user_id, activity_date, round)
      join learn.user_stats o on o.user_id = any (array[d.user_id])
      cross join lateral (
        select c.continued + 1 as current_streak, c.continued + 1 as longest_streak, c.continued
        from (
          select case when exists (
            select from learn.user_activity_days y
            where y.user_id = d.user_id and y.activity_date = d.activity_date - 1
          ) then o.current_streak else 0 end as continued
        ) c
        where o.last_activity_date is null or d.activity_date > o.last_activity_date
        union all
        select v.current_streak, v.longest_streak, o.current_streak
        from learn_internal.streak_states v
        where v.user_id = d.user_id and d.activity_date < o.last_activity_date
      ) n
      where d.round = v_round and s.user_id = any (array[d.user_id])
      returning s.user_id, d.activity_date, s.streak_freezes, n.continued, n.current_streak
    )
    select array_agg(m.user_id), array_agg(m.activity_date) into v_earners, v_earned_on
    from moved m
    where v_every > 0 and m.streak_freezes < v_maximum
      and m.current_streak / v_every > m.continued / v_every;

    -- A streak that has grown by so many days earns a freeze.
    if v_earners is not null then
      perform learn_internal.give_streak_freezes(
        v_earners, v_earned_on, 1, 'streak_freeze_earned', p_at);
    end if;
  end loop;
  perform learn_internal.note_streaks(p_user_ids);
end;
$$;
comment on function learn_internal.advance_streaks(uuid[], date[], timestamptz) is
  'Makes new days of users active, moves their streaks, and spends, '
  'returns and earns freezes on the way.';
revoke all on function learn_internal.advance_streaks(uuid[], date[], timestamptz) from public;
