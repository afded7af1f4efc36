-- Leaderboards: exact and live, of any metric that is a board, for a day, a week, a month or all time.

set role learn_owner;

create table learn.leaderboard_entries (
  user_id       uuid not null references learn.users on delete cascade,
  metric        text not null references learn.metrics on delete cascade,
  period        text not null,
  period_start  date not null,
  value         bigint not null,
  rank          bigint not null,
  calculated_at timestamptz not null default learn.clock(),
  primary key (user_id, metric, period, period_start),
  constraint period_is_known check (period in ('day', 'week', 'month', 'all_time')),
  constraint rank_is_positive check (rank >= 1)
);
comment on table learn.leaderboard_entries is
  'Boards as refresh_leaderboard() last wrote them down. leaderboard() and user_rank() do not read it: '
  'they are live.';
comment on column learn.leaderboard_entries.period_start is
  'First day of the period, Monday for a week; -infinity for all_time.';
create index leaderboard_entries_board
  on learn.leaderboard_entries (metric, period, period_start, rank, user_id);
grant select on learn.leaderboard_entries to learn_app, learn_readonly;

-- functions/leaderboards/period_start.sql

-- First day of the period in which a day lies: itself, the Monday, the first of the month;
-- -infinity for all time.
-- Errors: LX001 no such period.
create or replace function learn_internal.period_start(p_period text, p_on date)
returns date
language plpgsql
immutable
parallel safe
set search_path = ''
as $$
begin
  case p_period
    when 'day' then return p_on;
    when 'week' then return date_trunc('week', p_on::timestamp)::date;
    when 'month' then return date_trunc('month', p_on::timestamp)::date;
    when 'all_time' then return '-infinity';
    else
      raise exception 'unknown period'
        using errcode = 'LX001', detail = format('p_period = %s', coalesce(p_period, 'null')),
          hint = 'Periods are day, week, month and all_time.';
  end case;
end;
$$;
comment on function learn_internal.period_start(text, date) is
  'First day of the period in which a day lies; -infinity for all_time. LX001: no such period.';
revoke all on function learn_internal.period_start(text, date) from public;

-- functions/leaderboards/board_values.sql

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

-- functions/leaderboards/leaderboard.sql

-- A page of a board: exact and live. Ties share a rank (1, 2, 2, 4) and stand by username.
-- Errors: LX001 no such board, or a page out of range.
create or replace function learn.leaderboard(
  p_period text default 'all_time',
  p_metric text default 'xp',
  p_limit  integer default 10,
  p_offset integer default 0,
  p_on     date default null
)
returns table (rank bigint, user_id uuid, username text, display_name text, value bigint)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = ''
as $$
begin
  if p_limit is null or p_limit not between 0 and 1000 or p_offset is null or p_offset < 0 then
    raise exception 'the page is out of range'
      using errcode = 'LX001', detail = format('p_limit = %s, p_offset = %s',
          coalesce(p_limit::text, 'null'), coalesce(p_offset::text, 'null')),
        hint = 'A page has 0 to 1000 rows; the offset is 0 or more.';
  end if;
  return query
  select r.rank, r.user_id, u.username, u.display_name, r.value
  from (
    select rank() over (order by b.value desc) as rank, b.user_id, b.value
    from learn_internal.board_values(
      p_period, p_metric, coalesce(p_on, (learn.clock() at time zone 'UTC')::date)) b
  ) r
  join learn.users u on u.id = r.user_id
  order by r.rank, lower(u.username)
  limit p_limit offset p_offset;
end;
$$;
comment on function learn.leaderboard(text, text, integer, integer, date) is
  'A page of a board (day, week, month, all_time; of the period in which p_on lies, today if null): '
  'ties share a rank.';
revoke all on function learn.leaderboard(text, text, integer, integer, date) from public;
grant execute on function learn.leaderboard(text, text, integer, integer, date)
  to learn_app, learn_readonly;

-- functions/leaderboards/leaderboard_around.sql

-- The rows of a board around a user: up to p_span before and after; none when the user is not on it.
-- Errors: LX001 no such board, or a span out of range; LX002 unknown user.
create or replace function learn.leaderboard_around(
  p_user_id uuid, p_period text, p_metric text, p_span integer default 5
)
returns table (rank bigint, user_id uuid, username text, display_name text, value bigint)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = ''
as $$
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  if p_span is null or p_span not between 0 and 500 then
    raise exception 'the span is out of range'
      using errcode = 'LX001', detail = format('p_span = %s', coalesce(p_span::text, 'null')),
        hint = 'Ask for 0 to 500 rows on either side.';
  end if;
  return query
  with board as materialized (
    select rank() over (order by b.value desc) as rank, b.user_id, u.username, u.display_name,
      b.value, row_number() over (order by b.value desc, lower(u.username)) as place
    from learn_internal.board_values(
      p_period, p_metric, (learn.clock() at time zone 'UTC')::date) b
    join learn.users u on u.id = b.user_id
  )
  select b.rank, b.user_id, b.username, b.display_name, b.value
  from board b
  join board me on me.user_id = p_user_id
  where b.place between me.place - p_span and me.place + p_span
  order by b.place;
end;
$$;
comment on function learn.leaderboard_around(uuid, text, text, integer) is
  'The rows of a board of today around a user, up to p_span before and after.';
revoke all on function learn.leaderboard_around(uuid, text, text, integer) from public;
grant execute on function learn.leaderboard_around(uuid, text, text, integer)
  to learn_app, learn_readonly;

-- functions/leaderboards/refresh_leaderboard.sql

-- Writes the boards of the current periods down in leaderboard_entries, for those who read that table.
-- Readers see the earlier ones until it commits; a second run waits for the first. Returns the
-- number of entries. The loop runs once per board; each is one statement.
create or replace function learn.refresh_leaderboard()
returns bigint
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_today date := (learn.clock() at time zone 'UTC')::date;
  v_board record;
  v_total bigint := 0;
  v_count bigint;
begin
  lock table learn.leaderboard_entries in share update exclusive mode;
  for v_board in
    select m.key as metric, p.period, learn_internal.period_start(p.period, v_today) as start
    from learn.metrics m
    cross join (values ('day'), ('week'), ('month'), ('all_time')) p(period)
    where m.is_board and (p.period = 'all_time' or m.aggregate <> 'run'
      and (m.aggregate <> 'stat' or m.key in ('xp', 'active_days')))
    order by m.key, p.period
  loop
    with ranked as materialized (
      select b.user_id, b.value, rank() over (order by b.value desc) as rank
      from learn_internal.board_values(v_board.period, v_board.metric, v_today) b
    ), gone as (
      delete from learn.leaderboard_entries e
      where e.metric = v_board.metric and e.period = v_board.period
        and e.period_start = v_board.start
        and not exists (select from ranked r where r.user_id = e.user_id)
    )
    insert into learn.leaderboard_entries as e
      (user_id, metric, period, period_start, value, rank, calculated_at)
    select r.user_id, v_board.metric, v_board.period, v_board.start, r.value, r.rank, learn.clock()
    from ranked r
    order by r.user_id
    on conflict (user_id, metric, period, period_start) do update
      set value = excluded.value, rank = excluded.rank, calculated_at = excluded.calculated_at;
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
  end loop;
  return v_total;
end;
$$;
comment on function learn.refresh_leaderboard() is
  'Writes the boards of the current periods down in leaderboard_entries; returns how many entries.';
revoke all on function learn.refresh_leaderboard() from public;
grant execute on function learn.refresh_leaderboard() to learn_app;

-- functions/leaderboards/user_rank.sql

-- A user's rank on a board of today, exact and live; null for one who is not on it.
-- Errors: LX001 no such board; LX002 unknown user.
create or replace function learn.user_rank(
  p_user_id uuid, p_period text default 'all_time', p_metric text default 'xp'
)
returns bigint
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = ''
as $$
declare
  v_rank bigint;
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  select r.rank into v_rank
  from (
    select b.user_id, rank() over (order by b.value desc) as rank
    from learn_internal.board_values(
      p_period, p_metric, (learn.clock() at time zone 'UTC')::date) b
  ) r
  where r.user_id = p_user_id;
  return v_rank;
end;
$$;
comment on function learn.user_rank(uuid, text, text) is
  'A user''s rank on a board of today, exact and live; null: not on it.';
revoke all on function learn.user_rank(uuid, text, text) from public;
grant execute on function learn.user_rank(uuid, text, text) to learn_app, learn_readonly;

-- views/leaderboards/current_leaderboard.sql

-- Everybody who learned, or was seen, in the last 30 days, ranked by XP, by challenges and by streak.
create or replace view learn.current_leaderboard as
select b.user_id, b.username, b.display_name, b.avatar_url, b.total_xp, b.current_level,
  b.challenges_completed, b.current_streak,
  rank() over (order by b.total_xp desc) as xp_rank,
  rank() over (order by b.challenges_completed desc) as challenge_rank,
  rank() over (order by b.current_streak desc) as streak_rank
from (
  select u.id as user_id, u.username, u.display_name, u.avatar_url, s.total_xp, s.current_level,
    coalesce(m.value, 0) as challenges_completed,
    case when s.current_streak = 0 then 0 else learn.calculate_user_streak(u.id) end
      as current_streak
  from learn.users u
  join learn.user_stats s on s.user_id = u.id
  left join learn.user_metrics m
    on m.user_id = u.id and m.metric = 'challenges_completed' and m.scope = ''
  where u.is_active and u.show_on_leaderboard
    and (u.last_active_at > learn.clock() - interval '30 days'
      or s.last_activity_date > (learn.clock() at time zone u.timezone)::date - 30)
) b;
comment on view learn.current_leaderboard is
  'Users active in the last 30 days, ranked by XP, completed challenges and streak; ties share '
  'a rank.';
grant select on learn.current_leaderboard to learn_app, learn_readonly;

reset role;
