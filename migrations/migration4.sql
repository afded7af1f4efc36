-- streaks: active days and freezes.

set role learn_owner;

create table learn.user_activity_days (
  user_id       uuid not null references learn.users on delete cascade,
  activity_date date not null,
  is_freeze     boolean not null default false,
  primary key (user_id, activity_date)
);
comment on table learn.user_activity_days is
  'The user''s local days with a qualifying activity, and the missed days that '
  'a freeze covers (is_freeze).';
grant select on learn.user_activity_days to learn_app, learn_readonly;

create table learn.streak_freezes (
  user_id    uuid not null references learn.users on delete cascade,
  id         bigint generated always as identity,
  granted_on date not null,
  used_on    date,
  primary key (user_id, id),
  constraint streak_freezes_cover_one_day_each unique (user_id, used_on),
  constraint freezes_cover_no_day_before_they_are_held check (used_on >= granted_on)
);
comment on table learn.streak_freezes is
  'One row per freeze a user was granted or earned. used_on is the missed day that it covers; '
  'null: still held. user_stats.streak_freezes counts those held.';
grant select on learn.streak_freezes to learn_app, learn_readonly;

-- views/streaks/streak_states.sql
-- Streaks recounted from the active days: what user_stats must say. A day that a freeze covers
-- keeps a run together but adds nothing to it. Filter by user_id: the condition reaches the table.
create or replace view learn_internal.streak_states as
with runs as (
  select d.user_id, max(d.activity_date) as last_date,
    count(*) filter (where not d.is_freeze) as days
  from (
    select a.user_id, a.activity_date, a.is_freeze,
      a.activity_date
        - (row_number() over (partition by a.user_id order by a.activity_date))::integer as run
    from learn.user_activity_days a
  ) d
  group by d.user_id, d.run
)
select r.user_id,
  (array_agg(r.days order by r.last_date desc))[1]::integer as current_streak,
  max(r.days)::integer as longest_streak,
  sum(r.days)::integer as active_days,
  max(r.last_date) as last_activity_date
from runs r
group by r.user_id;
comment on view learn_internal.streak_states is
  'Streaks recounted from user_activity_days, one row per user with any.';

-- functions/streaks/covering_freezes.sql
-- The freezes that would keep a streak alive over the missed days between two dates:
-- the i-th freeze covers the i-th missed day and must have been held by then. All days or none:
-- no row where one of them stays uncovered.
create or replace function learn_internal.covering_freezes(p_user_id uuid, p_last date, p_next date)
returns table (freeze_id bigint, missed_day date)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with candidates as (
    select f.id, f.granted_on,
      p_last + (row_number() over (order by f.granted_on, f.id))::integer as missed_day
    from learn.streak_freezes f
    where f.user_id = p_user_id and f.used_on is null
  ), covered as (
    select c.id, c.missed_day, count(*) over () as days
    from candidates c
    where c.missed_day < p_next and c.granted_on <= c.missed_day
  )
  select c.id, c.missed_day from covered c where c.days = p_next - p_last - 1;
$$;
comment on function learn_internal.covering_freezes(uuid, date, date) is
  'Freezes that cover every missed day between two dates; none where they do not suffice.';
revoke all on function learn_internal.covering_freezes(uuid, date, date) from public;

-- functions/streaks/calculate_user_streak.sql
-- The user's streak as of their local today: 0 once a day was missed that no freeze in hand covers.
-- Errors: LX002 unknown user.
create or replace function learn.calculate_user_streak(p_user_id uuid)
returns integer
language plpgsql
stable
security definer                  -- freezes and time zones are read for a caller
                                  -- who may see neither
set search_path = pg_catalog, pg_temp
as $$
declare
  v_stats learn.user_stats;
  v_today date;
begin
  select s.* into v_stats from learn.user_stats s where s.user_id = p_user_id;
  if not found then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first.';
  end if;
  if v_stats.last_activity_date is null then
    return 0;
  end if;

  select (learn.clock() at time zone u.timezone)::date into v_today
  from learn.users u where u.id = p_user_id;
  if v_stats.last_activity_date >= v_today - 1
    or v_stats.streak_freezes > 0
      and exists (
        select from learn_internal.covering_freezes(p_user_id, v_stats.last_activity_date, v_today))
  then
    return v_stats.current_streak;
  end if;
  return 0;
end;
$$;
comment on function learn.calculate_user_streak(uuid) is
  'The user''s streak as of their local today, in days; 0 once a day was missed.';
revoke all on function learn.calculate_user_streak(uuid) from public;
grant execute on function learn.calculate_user_streak(uuid) to learn_app, learn_readonly;

-- functions/streaks/spend_streak_freezes.sql
-- Covers the missed days between two active days of a user, where the freezes in hand
-- suffice for all of them.
create or replace function learn_internal.spend_streak_freezes(
  p_user_id uuid, p_last date, p_next date, p_at timestamptz
)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  with covering as (
    select c.freeze_id, c.missed_day
    from learn_internal.covering_freezes(p_user_id, p_last, p_next) c
  ), used as (
    update learn.streak_freezes f
    set used_on = c.missed_day
    from covering c
    where f.user_id = p_user_id and f.id = c.freeze_id
  ), covered as (
    insert into learn.user_activity_days (user_id, activity_date, is_freeze)
    select p_user_id, c.missed_day, true from covering c
  ), counted as (
    update learn.user_stats s
    set streak_freezes = s.streak_freezes - (select count(*) from covering)
    where s.user_id = p_user_id and exists (select from covering)
  )
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, occurred_at, local_date, is_qualifying)
  select p_user_id, 'streak_freeze_used', 'day', c.missed_day::text, p_at, c.missed_day, false
  from covering c
  order by c.missed_day;
$$;
comment on function learn_internal.spend_streak_freezes(uuid, date, date, timestamptz) is
  'Covers the days a user missed between two active days, all of them or none.';
revoke all on function learn_internal.spend_streak_freezes(uuid, date, date, timestamptz)
  from public;

-- functions/streaks/give_streak_freezes.sql
-- Gives users streak freezes, each held from the given local date on.
-- The caller has locked their stats rows.
create or replace function learn_internal.give_streak_freezes(
  p_user_ids uuid[], p_dates date[], p_count integer, p_activity_type text, p_at timestamptz
)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  with given as (
    insert into learn.streak_freezes (user_id, granted_on)
    select d.user_id, d.granted_on
    from unnest(p_user_ids, p_dates) d(user_id, granted_on)
    cross join generate_series(1, p_count)
  ), counted as (
    update learn.user_stats s
    set streak_freezes = s.streak_freezes + p_count
    from unnest(p_user_ids) d(user_id)
    where s.user_id = d.user_id
  )
  insert into learn.activity_log
    (user_id, activity_type, properties, occurred_at, local_date, is_qualifying)
  select d.user_id, p_activity_type, jsonb_build_object('count', p_count), p_at, d.granted_on, false
  from unnest(p_user_ids, p_dates) d(user_id, granted_on);
$$;
comment on function learn_internal.give_streak_freezes(
  uuid[], date[], integer, text, timestamptz) is
  'Gives users streak freezes, held from a local date on, and writes the facts.';
revoke all on function learn_internal.give_streak_freezes(
  uuid[], date[], integer, text, timestamptz) from public;

-- functions/streaks/advance_streaks.sql
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
  v_round     integer;
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
      join learn.user_stats s on s.user_id = d.user_id
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
      where d.round = v_round and f.user_id = d.user_id and f.used_on = d.activity_date
      returning f.user_id
    )
    update learn.user_stats s
    set streak_freezes = s.streak_freezes + 1
    from returned r
    where s.user_id = r.user_id;

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
      join learn.user_stats o on o.user_id = d.user_id
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
      where d.round = v_round and s.user_id = d.user_id
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
end;
$$;
comment on function learn_internal.advance_streaks(uuid[], date[], timestamptz) is
  'Makes new days of users active, moves their streaks, and spends, '
  'returns and earns freezes on the way.';
revoke all on function learn_internal.advance_streaks(uuid[], date[], timestamptz) from public;

reset role;
