-- Leaderboards

set role learn_owner;

-- functions/leaderboards/period_start.sql

-- First day of the period in which a day lies: itself, the Monday, the first of the month;
-- -infinity for all time.
-- Errors: LX001 no such period.
-- lint: ignore plpgsql because the literal '-infinity' is a date's own spelling
create or replace function learn_internal.period_start(p_period text, p_on date)
returns date
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
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

-- functions/leaderboards/board_changes.sql

-- Whose place on a board is another one than board_scores says, by what waits to be merged: old and true values.
-- Who was and is below p_low, or was and is above p_high, may be missing: so a reader need not look up everybody
-- who has gained, but who has a value near by, in the order of the board, and who has gained more than p_low.
-- lint: ignore plpgsql because the literal '{}' is an empty array's own spelling
create or replace function learn_internal.board_changes(
  p_board learn_internal.board, p_waiting learn_internal.board_waiting, p_low bigint, p_high bigint
)
returns learn_internal.board_change[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_nestloop = off   -- laterals are looked up by key all the same
set enable_mergejoin = off
set enable_sort = off
set jit = off
as $$
declare
  v_most    constant bigint := 9223372036854775807;
  v_waiting constant integer := coalesce(cardinality((p_waiting).user_ids), 0);
  v_from    bigint;    -- values from which what was gained leads to between p_low and p_high
  v_to      bigint;
  v_near    bigint;    -- how many users have them
  v_users   bigint;    -- and how many are on the board
  v_gainers bigint;    -- how many have gained enough to come from nowhere
  v_found   learn_internal.board_change[];
  v_changes learn_internal.board_change[] := '{}';
begin
  if v_waiting > 0 then
    if not (p_board).is_maximum then
      v_from := p_low - (p_waiting).most;
      v_to := case when p_high > v_most + (p_waiting).least then v_most else p_high - (p_waiting).least end;
    else
      v_from := p_low;
      v_to := p_high;
    end if;
    v_from := greatest(v_from, 1);
    select coalesce(sum(f.users) filter (where f.floor <= v_to and f.floor >= coalesce((
        select max(o.floor) from learn_internal.board_stretches o
        where o.metric = (p_board).metric and o.period = (p_board).period
          and o.starts_on = (p_board).starts_on and o.floor <= v_from), 1)), 0),
      coalesce(sum(f.users), 0)
    into v_near, v_users
    from learn_internal.board_stretches f
    where f.metric = (p_board).metric and f.period = (p_board).period and f.starts_on = (p_board).starts_on;
    v_gainers := 0;
    if (p_waiting).most >= p_low then
      select count(*) into v_gainers from unnest((p_waiting).amounts) a where a >= p_low;
    end if;
    -- To look a user up by key takes as long as to read some ten users in order.
    if v_users <= 10 * v_gainers then
      v_from := 1;
      v_to := v_most;
      v_near := v_users;
    end if;
    if v_near <= 10 * v_waiting then
      v_found := array(
        select (g.user_id, s.name, s.value, g.amount)::learn_internal.board_change
        from unnest((p_waiting).user_ids, (p_waiting).amounts) g(user_id, amount)
        left join (
          select b.user_id, b.name, b.value
          from learn_internal.board_scores b
          where b.metric = (p_board).metric and b.period = (p_board).period
            and b.starts_on = (p_board).starts_on and b.value > 0 and b.value between v_from and v_to
          order by b.value desc, b.name, b.user_id  -- by the index of this order, that is
        ) s on s.user_id = g.user_id
        where s.user_id is null and g.amount >= p_low
          or not (p_board).is_maximum
            and greatest(s.value, s.value + g.amount) >= p_low and least(s.value, s.value + g.amount) <= p_high
          or (p_board).is_maximum and greatest(s.value, g.amount) >= p_low and s.value <= p_high);
    else
      v_found := array(
        select (g.user_id, null, null, g.amount)::learn_internal.board_change
        from unnest((p_waiting).user_ids, (p_waiting).amounts) g(user_id, amount));
    end if;
    v_changes := array(
      select (c.user_id, c.name, c.old_value, c.new_value)::learn_internal.board_change
      from (
        select f.user_id, coalesce(f.name, s.name, lower(u.username)) as name,
          greatest(coalesce(f.old_value, s.value), 0) as old_value,
          case
            when f.old_value is null and s.user_id is null and u.id is null then 0
            when (p_board).is_maximum then greatest(f.old_value, s.value, f.new_value, 0)
            else greatest(coalesce(f.old_value, s.value, 0) + f.new_value, 0) end as new_value
        from unnest(v_found) f
        left join lateral (
          select b.user_id, b.name, b.value
          from learn_internal.board_scores b
          where f.old_value is null and b.user_id = f.user_id and b.metric = (p_board).metric
            and b.period = (p_board).period and b.starts_on = (p_board).starts_on
          offset 0
        ) s on true
        left join lateral (  -- new on this board, unless the user does not want to be seen
          select l.id, l.username
          from learn.users l
          where f.old_value is null and s.user_id is null and l.id = f.user_id
            and l.is_active and l.show_on_leaderboard
          offset 0
        ) u on true
      ) c
      where greatest(c.old_value, c.new_value) >= p_low and least(c.old_value, c.new_value) <= p_high);
  end if;
  if (p_waiting).recounted <> '{}' and (p_board).metric = 'current_streak' then
    v_changes := array(
      select (i.user_id, coalesce(lower(u.username), s.name),
          case when s.lapses_at > (p_board).at then s.value else 0 end,
          case when u.is_active and u.show_on_leaderboard then coalesce(e.days, 0) else 0 end)
        ::learn_internal.board_change
      from unnest((p_waiting).recounted) i(user_id)
      left join lateral (
        select b.name, b.value, b.lapses_at
        from learn_internal.board_scores b
        where b.user_id = i.user_id and b.metric = 'current_streak' and b.period = 'all_time'
          and b.starts_on = '-infinity'
        offset 0
      ) s on true
      left join lateral (select l.* from learn.users l where l.id = i.user_id offset 0) u on true
      left join lateral (
        select k.days from learn_internal.streak_ends k
        where k.user_id = i.user_id and k.ends_at > (p_board).at
        offset 0
      ) e on true);
  elsif (p_waiting).recounted <> '{}' then
    v_changes := v_changes || array(
      select (i.user_id, coalesce(lower(u.username), s.name),
          greatest(coalesce(s.value, 0), 0), greatest(coalesce(r.value, 0), 0))::learn_internal.board_change
      from unnest((p_waiting).recounted) i(user_id)
      left join lateral (
        select b.name, b.value
        from learn_internal.board_scores b
        where b.user_id = i.user_id and b.metric = (p_board).metric
          and b.period = (p_board).period and b.starts_on = (p_board).starts_on
        offset 0
      ) s on true
      left join lateral (select l.username from learn.users l where l.id = i.user_id offset 0) u on true
      left join learn_internal.recount_board(p_board, (p_waiting).recounted) r on r.user_id = i.user_id);
  end if;
  return v_changes;
end;
$$;
comment on function learn_internal.board_changes(
  learn_internal.board, learn_internal.board_waiting, bigint, bigint) is
  'Users whose place on a board has changed since the last merge, with old and new values, except those who stay '
  'below p_low or above p_high.';

-- functions/leaderboards/board_standings.sql

-- Who stands on a board with what, all of it or among some users: those with a value above 0.
-- Kept boards are read, others recounted.
create or replace function learn_internal.board_standings(p_board learn_internal.board, p_among uuid[])
returns table (user_id uuid, value bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  v_changes learn_internal.board_change[];
begin
  if not (p_board).is_kept then
    return query
    select r.user_id, r.value
    from learn_internal.recount_board(p_board, p_among) r
    where r.value > 0;
    return;
  end if;
  v_changes := learn_internal.board_changes(
    p_board, learn_internal.board_waiting(p_board, p_among), 1, 9223372036854775807);
  if p_among is null then
    return query
    select s.user_id, s.value
    from learn_internal.board_scores s
    where s.metric = (p_board).metric and s.period = (p_board).period
      and s.starts_on = (p_board).starts_on and s.value > 0 and s.lapses_at > (p_board).at
      and s.user_id not in (select c.user_id from unnest(v_changes) c);
  else
    return query
    select s.user_id, s.value
    from (select distinct i.id from unnest(p_among) i(id)) a
    cross join lateral (
      select b.user_id, b.value, b.lapses_at
      from learn_internal.board_scores b
      where b.user_id = a.id and b.metric = (p_board).metric and b.period = (p_board).period
        and b.starts_on = (p_board).starts_on
      offset 0
    ) s
    where s.value > 0 and s.lapses_at > (p_board).at
      and s.user_id not in (select c.user_id from unnest(v_changes) c);
  end if;
  return query
  select c.user_id, c.new_value
  from unnest(v_changes) c
  where c.new_value > 0;
end;
$$;
comment on function learn_internal.board_standings(learn_internal.board, uuid[]) is
  'Users and values of a board, all of it or among some users.';

-- functions/leaderboards/divide_board.sql

-- Divides a board into stretches anew, by which ranks are counted. The caller holds the lock of the merge.
create or replace function learn_internal.divide_board(
  p_metric text, p_period text, p_starts_on date
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from learn_internal.board_stretches f
  where f.metric = p_metric and f.period = p_period and f.starts_on = p_starts_on;
  perform learn_internal.split_stretch(p_metric, p_period, p_starts_on, 1);
end;
$$;
comment on function learn_internal.divide_board(text, text, date) is
  'Divides a board into stretches anew, by which ranks are counted.';

-- functions/leaderboards/find_board.sql

-- The board of a metric for the period in which a day lies.
-- Errors: LX001 no such period, no board of this metric, or none of it for periods, a day before 1900 or
-- after 2999.
create or replace function learn_internal.find_board(p_period text, p_metric text, p_on date)
returns learn_internal.board
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_metric learn.metrics;
  v_board  learn_internal.board;
begin
  perform learn_internal.require_size('p_period', length(p_period), 20);
  perform learn_internal.require_size('p_metric', length(p_metric), 200);
  if p_on not between '1900-01-01' and '2999-12-31' then
    raise exception 'there are no boards of this day'
      using errcode = 'LX001', detail = format('p_on = %s', p_on),
        hint = 'Give a day from 1900-01-01 to 2999-12-31.';
  end if;
  v_board.metric := p_metric;
  v_board.period := p_period;
  v_board.starts_on := learn_internal.period_start(p_period, p_on);
  v_board.ends_on := case p_period
    when 'day' then v_board.starts_on + 1
    when 'week' then v_board.starts_on + 7
    when 'month' then (v_board.starts_on + interval '1 month')::date
    else 'infinity' end;
  select m.* into v_metric from learn.metrics m where m.key = p_metric and m.is_board;
  if not found
    or p_period <> 'all_time' and (v_metric.aggregate = 'run'
      or v_metric.aggregate = 'stat' and p_metric not in ('xp', 'active_days', 'longest_streak'))
  then
    raise exception 'there is no such board'
      using errcode = 'LX001',
        detail = format('p_metric = %s, p_period = %s', coalesce(left(p_metric, 50), 'null'), p_period)
          || case when v_metric.key is not null
            then format(': boards of %s are of the period all_time', v_metric.key) else '' end,
        hint = (
          select format('Of all_time alone there are boards of %s; of day, week, month and all_time, of %s.',
            string_agg(m.key, ', ' order by m.key) filter (where m.is_endless),
            string_agg(m.key, ', ' order by m.key) filter (where not m.is_endless))
          from (
            select k.key, k.aggregate = 'run'
              or k.aggregate = 'stat' and k.key not in ('xp', 'active_days', 'longest_streak') as is_endless
            from learn.metrics k
            where k.is_board
          ) m);
  end if;
  v_board.is_maximum := v_metric.aggregate = 'max' or p_metric = 'longest_streak';
  v_board.is_kept := v_board.ends_on > (select s.kept_from from learn_internal.board_state s);
  v_board.at := learn.clock();
  return v_board;
end;
$$;
comment on function learn_internal.find_board(text, text, date) is
  'The board of a metric for the period in which a day lies. LX001: there is none.';

-- functions/leaderboards/require_cohort.sql

-- A board among given users is computed from theirs: of a class, a team, friends, not of everybody.
-- Errors: LX001 too many of them.
create or replace function learn_internal.require_cohort(p_among uuid[])
returns void
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(p_among) > 10000 then
    raise exception 'these are too many users for a cohort'
      using errcode = 'LX001', detail = format('p_among has %s elements, at most 10000', cardinality(p_among)),
        hint = 'Name at most 10,000 users; the board of everybody needs no p_among.';
  end if;
end;
$$;
comment on function learn_internal.require_cohort(uuid[]) is
  'Refuses a cohort of more than 10,000 users (LX001).';

-- views/leaderboards/board_facts.sql

-- What each fact adds to boards, on which date of the user's: the source of the boards of periods.
-- A fact is never recorded before its date begins anywhere: a condition on recorded_at leaves older
-- partitions alone.
create or replace view learn_internal.board_facts as
select t.user_id, 'xp' as metric, false as is_maximum, t.earned_on as local_date,
  t.amount::bigint as amount, t.created_at as recorded_at
from learn_internal.all_payments t
where exists (select from learn.metrics m where m.key = 'xp' and m.is_board)
  and t.activity_type not in (select a.key from learn.activity_types a where not a.is_on_boards)
union all
select f.user_id, m.key, m.aggregate = 'max', f.local_date,
  case when m.property is null then 1
    else learn_internal.number_property(f.properties, m.property)::bigint end,
  f.recorded_at
from learn.metrics m
join learn_internal.counted_facts f on f.activity_type = m.activity_type and f.properties @> m.filter
where m.is_board and m.aggregate in ('count', 'sum', 'max')
union all
select d.user_id, m.key, false, d.activity_date, 1, 'infinity'
from learn.metrics m
join learn_internal.user_metric_days d on d.metric = m.key and d.scope = ''
where m.is_board and m.aggregate = 'distinct_days'
union all
select d.user_id, 'active_days', false, d.activity_date, 1, 'infinity'
from learn.user_activity_days d
where not d.is_freeze
  and exists (select from learn.metrics m where m.key = 'active_days' and m.is_board)
union all
select d.user_id, 'longest_streak', true, d.activity_date, d.streak, 'infinity'
from learn_internal.streak_days d
where not d.is_freeze
  and exists (select from learn.metrics m where m.key = 'longest_streak' and m.is_board);
comment on view learn_internal.board_facts is
  'What facts add to boards, per user, metric and local date. recorded_at bounds the partitions read.';

-- views/leaderboards/board_totals.sql

-- What users have reached of all time in the metrics with boards.
create or replace view learn_internal.board_totals as
select s.user_id, v.metric, v.value
from learn.user_stats s
cross join lateral (
  values
    ('xp', s.total_xp - s.reward_xp),
    ('level_reached', s.highest_level::bigint),
    ('active_days', s.active_days::bigint),
    ('longest_streak', s.longest_streak::bigint)
) v(metric, value)
where v.metric in (select m.key from learn.metrics m where m.is_board)
union all
select v.user_id, m.key, v.value
from learn.metrics m
join learn.user_metrics v on v.metric = m.key and v.scope = ''
where m.is_board;
comment on view learn_internal.board_totals is
  'Values of all time per user and metric with boards, but for streaks: those are in streak_ends.';

-- views/leaderboards/board_values.sql

-- What boards say of each user: the last merge, and what was gained since, to be added to it or to raise it. Users who
-- are to be recounted, streaks that are to be looked up, and periods that boards no longer keep, are not here.
create or replace view learn_internal.board_values as
select v.user_id, v.metric, v.period, v.starts_on, v.value, v.lapses_at,
  m.aggregate = 'max' or m.key = 'longest_streak' as is_maximum
from (
  select s.user_id, s.metric, s.period, s.starts_on, s.value, s.lapses_at
  from learn_internal.board_scores s
  where s.lapses_at > (select learn.clock())
  union all
  select g.user_id, g.metric, p.period, p.starts_on, g.amount, 'infinity'
  from learn_internal.board_gains g
  join learn.users u on u.id = g.user_id and u.is_active and u.show_on_leaderboard
  cross join lateral (
    values
      ('day', g.local_date),
      ('week', date_trunc('week', g.local_date::timestamp)::date),
      ('month', date_trunc('month', g.local_date::timestamp)::date),
      ('all_time', '-infinity'::date)
  ) p(period, starts_on)
  where p.period = 'all_time' or g.local_date > '-infinity'
) v
join learn.metrics m on m.key = v.metric and m.is_board
where v.starts_on >= case v.period when 'all_time' then '-infinity'
    when 'day' then (select s.kept_from from learn_internal.board_state s)
    when 'week' then (select date_trunc('week', s.kept_from::timestamp)::date from learn_internal.board_state s)
    else (select date_trunc('month', s.kept_from::timestamp)::date from learn_internal.board_state s) end
  and not exists (
  select from learn_internal.board_gains k
  where k.user_id = v.user_id
    and (k.metric = '' or k.metric = 'current_streak' and v.metric = 'current_streak'));
comment on view learn_internal.board_values is
  'What boards say of each user: the last merge and what was gained since.';

-- views/leaderboards/board_stretch_damage.sql

-- Where stretches of boards do not count the users in them: the part of check_integrity() about boards that is nobody's.
create or replace view learn_internal.board_stretch_damage (check_name, user_id, expected, actual) as
select 'stretches_of_boards_are_counted', null::uuid,
  format('%s %s %s from %s: %s', f.metric, f.period, f.starts_on, f.floor, c.users), f.users::text
from (
  select w.*, lead(w.floor, 1, 9223372036854775807)
    over (partition by w.metric, w.period, w.starts_on order by w.floor) as until
  from learn_internal.board_stretches w
) f
cross join lateral (
  select count(*) as users
  from learn_internal.board_scores s
  where s.metric = f.metric and s.period = f.period and s.starts_on = f.starts_on
    and s.value > 0 and s.value >= f.floor and s.value < f.until
) c
where f.users <> c.users
union all
select 'stretches_of_boards_are_counted', null::uuid,
  format('%s %s %s from 1', b.metric, b.period, b.starts_on), 'no stretch'
from (select distinct s.metric, s.period, s.starts_on from learn_internal.board_scores s where s.value > 0) b
where not exists (
  select from learn_internal.board_stretches f
  where f.metric = b.metric and f.period = b.period and f.starts_on = b.starts_on and f.floor = 1);
comment on view learn_internal.board_stretch_damage is
  'Where stretches of boards do not count the users in them; no row when all is well.';

-- functions/leaderboards/recount_board.sql

-- A board recounted from the facts, for some users or (null) for everybody: users who are active and
-- want to be seen, also with 0 or less. Days are the users' local dates.
create or replace function learn_internal.recount_board(
  p_board learn_internal.board, p_user_ids uuid[]
)
returns table (user_id uuid, value bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- by user or for everybody: plans that differ
as $$
begin
  if p_user_ids = '{}' then
    return;
  end if;
  if (p_board).metric = 'current_streak' then
    return query
    select e.user_id, e.days::bigint
    from learn_internal.streak_ends e
    join learn.users u on u.id = e.user_id and u.is_active and u.show_on_leaderboard
    where e.ends_at > (p_board).at and (p_user_ids is null or e.user_id = any (p_user_ids));
  elsif (p_board).period = 'all_time' then
    return query
    select t.user_id, t.value
    from learn_internal.board_totals t
    join learn.users u on u.id = t.user_id and u.is_active and u.show_on_leaderboard
    where t.metric = (p_board).metric and (p_user_ids is null or t.user_id = any (p_user_ids));
  else
    return query
    select f.user_id,
      (case when (p_board).is_maximum then max(f.amount) else sum(f.amount) end)::bigint
    from learn_internal.board_facts f
    join learn.users u on u.id = f.user_id and u.is_active and u.show_on_leaderboard
    where f.metric = (p_board).metric
      and f.local_date >= (p_board).starts_on and f.local_date < (p_board).ends_on
      and f.recorded_at >= (p_board).starts_on - interval '2 days'
      and (p_user_ids is null or f.user_id = any (p_user_ids))
    group by f.user_id;
  end if;
end;
$$;
comment on function learn_internal.recount_board(learn_internal.board, uuid[]) is
  'Users and values of a board, recounted from the facts, for some users or (null) for everybody.';

-- functions/leaderboards/recount_boards.sql

-- Has the boards of users recounted from the facts: at once for who reads them, and by a merge, where they
-- are many when this commits.
create or replace function learn_internal.recount_boards(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.board_gains (user_id, metric, local_date)
  select distinct u.id, '', '-infinity'::date from unnest(p_user_ids) u(id);
  if cardinality(p_user_ids) >= 100 then
    perform learn_internal.request_merge(null);
  end if;
end;
$$;
comment on function learn_internal.recount_boards(uuid[]) is
  'Has the boards of users recounted from the facts.';

-- functions/leaderboards/board_rank.sql

-- The rank of a value on a kept board: 1 and the number of users above it. Those are the users in all
-- the stretches above its own, the few above it in its own, without those whose streak has ended, and a
-- correction for the changes since the last merge.
create or replace function learn_internal.board_rank(
  p_board learn_internal.board, p_value bigint, p_changes learn_internal.board_change[]
)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
  v_floor bigint;
  v_above bigint;
begin
  select min(f.floor), coalesce(sum(f.users), 0) into v_floor, v_above
  from learn_internal.board_stretches f
  where f.metric = (p_board).metric and f.period = (p_board).period
    and f.starts_on = (p_board).starts_on and f.floor > p_value;
  return 1 + v_above + (
    select count(*)
    from learn_internal.board_scores s
    where s.metric = (p_board).metric and s.period = (p_board).period
      and s.starts_on = (p_board).starts_on and s.value > 0
      and s.value > p_value and s.value < coalesce(v_floor, 9223372036854775807)
  ) - case when (p_board).metric = 'current_streak' then (
    select count(*)
    from learn_internal.board_scores s
    where s.metric = 'current_streak' and s.lapses_at <= (p_board).at and s.lapses_at < 'infinity'
      and s.value > p_value
  ) else 0 end + (
    select coalesce(sum((c.new_value > p_value)::integer - (c.old_value > p_value)::integer), 0)
    from unnest(p_changes) c
  );
end;
$$;
comment on function learn_internal.board_rank(
  learn_internal.board, bigint, learn_internal.board_change[]) is
  'The rank of a value on a kept board: 1 and the number of users above it.';

-- functions/leaderboards/user_rank.sql

-- A user's rank on a board of the period in which p_on lies, or among some users, exact and live; null for one
-- who is not on it. Without p_on it is the period of the user's own today, which is not everybody's.
-- Errors: LX001 no such board, or too many users in p_among; LX002 unknown user.
create or replace function learn.user_rank(
  p_user_id uuid,
  p_period  text default 'all_time',
  p_metric  text default 'xp',
  p_on      date default null,
  p_among   uuid[] default null
)
returns bigint
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_board learn_internal.board := learn_internal.find_board(
    p_period, p_metric, coalesce(p_on, learn_internal.today_of(p_user_id)));
  v_rank  bigint;
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  perform learn_internal.require_cohort(p_among);
  if p_among is not null or not v_board.is_kept then
    select r.rank into v_rank
    from (
      select b.user_id, rank() over (order by b.value desc) as rank
      from learn_internal.board_standings(v_board, p_among) b
    ) r
    where r.user_id = p_user_id;
    return v_rank;
  end if;

  return learn_internal.place_on_board(v_board, p_user_id, learn_internal.board_waiting(v_board, null));
end;
$$;
comment on function learn.user_rank(uuid, text, text, date, uuid[]) is
  'A user''s rank on a board (of the period in which p_on lies, the user''s today if null), or among some users, '
  'exact and live; null: not on it.';
grant execute on function learn.user_rank(uuid, text, text, date, uuid[]) to learn_app, learn_user, learn_readonly;

-- functions/leaderboards/rank_percentile.sql

-- Where a user stands among all on the board of all time, in percent: of so many the user has at least the value.
-- The first has 100, the last of four 25; exact and live like the rank. Null for one who is not on the board.
-- Errors: LX001 no such board; LX002 unknown user.
create or replace function learn.rank_percentile(p_user_id uuid, p_metric text default 'xp')
returns numeric
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_board   learn_internal.board := learn_internal.find_board(
    'all_time', p_metric, (learn.clock() at time zone 'UTC')::date);
  v_waiting learn_internal.board_waiting;
  v_rank    bigint;
  v_users   bigint;
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  v_waiting := learn_internal.board_waiting(v_board, null);
  v_rank := learn_internal.place_on_board(v_board, p_user_id, v_waiting);
  if v_rank is null then
    return null;
  end if;
  -- the rank of who has nothing, behind all others
  v_users := learn_internal.board_rank(v_board, 0, learn_internal.board_changes(v_board, v_waiting, 1, 0)) - 1;
  return round(100.0 * (v_users - v_rank + 1) / v_users, 2);
end;
$$;
comment on function learn.rank_percentile(uuid, text) is
  'Of all on the board of all time, the percentage that has at most as much as the user; null: not on it.';
grant execute on function learn.rank_percentile(uuid, text) to learn_app, learn_user, learn_readonly;

-- functions/leaderboards/close_period.sql

-- Closes the board of a finished period: keeps its standings and pays the XP of period_rewards by rank, once.
-- What it pays counts in totals and on no board.
-- A period is finished when its last day is over in every time zone. Returns how many users were on the
-- board; closing it again changes nothing and returns the same.
-- Errors: LX001 no such board, or one without an end; LX007 the period is not over.
create or replace function learn.close_period(
  p_period text, p_metric text default 'xp', p_on date default null
)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_today date := (learn.clock() at time zone 'Etc/GMT+12')::date;  -- where the day ends last
  v_board learn_internal.board;
  v_users bigint;
  v_source text;
begin
  perform learn_internal.hold_content();
  v_board := learn_internal.find_board(p_period, p_metric, coalesce(p_on, case p_period
    when 'month' then (v_today - interval '1 month')::date
    when 'week' then v_today - 7
    else v_today - 1 end));
  if p_period = 'all_time' then
    raise exception 'all time does not end'
      using errcode = 'LX001', detail = 'p_period = all_time',
        hint = 'Close a day, a week or a month.';
  elsif v_board.ends_on > v_today then
    raise exception 'the period is not over'
      using errcode = 'LX007',
        detail = format('%s from %s ends before %s', p_period, v_board.starts_on, v_board.ends_on),
        hint = 'A period is over when its last day is over in every time zone: 12 hours after '
          'midnight UTC.';
  end if;

  v_source := format('%s %s %s', p_metric, p_period, to_char(v_board.starts_on, 'YYYY-MM-DD'));
  insert into learn.closed_periods (metric, period, starts_on, users)
  values (p_metric, p_period, v_board.starts_on, 0)
  on conflict (metric, period, starts_on) do nothing;
  if not found then
    select c.users into v_users
    from learn.closed_periods c
    where (c.metric, c.period, c.starts_on) = (p_metric, p_period, v_board.starts_on);
    return v_users;
  end if;

  insert into learn.period_standings (user_id, metric, period, starts_on, value, rank, xp_paid)
  select b.user_id, p_metric, p_period, v_board.starts_on, b.value, b.rank, coalesce((
      select max(w.xp) from learn.period_rewards w
      where w.metric = p_metric and w.period = p_period
        and b.rank between w.rank_from and w.rank_to), 0)
  from (
    select s.user_id, s.value, rank() over (order by s.value desc) as rank
    from learn_internal.board_standings(v_board, null) s
  ) b
  order by b.user_id;
  get diagnostics v_users = row_count;
  update learn.closed_periods c set users = v_users
  where (c.metric, c.period, c.starts_on) = (p_metric, p_period, v_board.starts_on);

  -- Paid once, whatever becomes of the rows: the memory says it.
  perform learn_internal.write_facts(array_agg((
      s.user_id, 'period_rewarded', null, null,
      jsonb_build_object('source_type', 'leaderboard', 'source_id', v_source,
        'description', format('Rank %s', s.rank)),
      s.xp_paid, learn.clock())::learn_internal.fact order by s.rank, s.user_id))
  from learn.period_standings s
  where s.metric = p_metric and s.period = p_period and s.starts_on = v_board.starts_on
    and s.xp_paid > 0 and not exists (
      select from learn_internal.recorded_subjects r
      where r.user_id = s.user_id and r.activity_type = 'period_rewarded'
        and r.subject_type = 'leaderboard' and r.subject_id = v_source);
  insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
  select s.user_id, 'period_rewarded', 'leaderboard', v_source
  from learn.period_standings s
  where s.metric = p_metric and s.period = p_period and s.starts_on = v_board.starts_on
    and s.xp_paid > 0
  order by s.user_id
  on conflict do nothing;
  return v_users;
end;
$$;
comment on function learn.close_period(text, text, date) is
  'Keeps the standings of a finished day, week or month and pays its rewards by rank, once; returns the '
  'number of users on the board. Null p_on: the last one.';
grant execute on function learn.close_period(text, text, date) to learn_app;

-- functions/leaderboards/split_stretch.sql

-- Splits a crowded stretch of a board into stretches of about 1,000 users. Users of one value stay
-- together, at the floor of a stretch: a rank never counts those.
-- The caller holds the lock of the merge, and board_scores and board_stretches agree.
create or replace function learn_internal.split_stretch(
  p_metric text, p_period text, p_starts_on date, p_floor bigint
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
  v_size  constant integer := 1000;
  v_until bigint := coalesce((
    select min(f.floor) from learn_internal.board_stretches f
    where f.metric = p_metric and f.period = p_period and f.starts_on = p_starts_on
      and f.floor > p_floor), 9223372036854775807);
begin
  insert into learn_internal.board_stretches as f (metric, period, starts_on, floor, users, split_at)
  select p_metric, p_period, p_starts_on, g.floor, sum(g.users), greatest(2 * v_size, 2 * sum(g.users))
  from (
    select v.users, max(v.value) filter (where v.is_floor) over (order by v.value) as floor
    from (
      select case when c.before = 0 then p_floor else c.value end as value, c.users,
        c.before = 0 or c.users >= v_size
          or lag(c.users) over (order by c.value) >= v_size
          or c.before / v_size > lag(c.before) over (order by c.value) / v_size as is_floor
      from (
        select s.value, count(*) as users,
          (sum(count(*)) over (order by s.value) - count(*))::bigint as before
        from learn_internal.board_scores s
        where s.metric = p_metric and s.period = p_period and s.starts_on = p_starts_on
          and s.value > 0 and s.value >= p_floor and s.value < v_until
        group by s.value
      ) c
    ) v
  ) g
  group by g.floor
  on conflict (metric, period, starts_on, floor) do update
    set users = excluded.users, split_at = excluded.split_at;
end;
$$;
comment on function learn_internal.split_stretch(text, text, date, bigint) is
  'Splits a crowded stretch of a board.';

-- functions/leaderboards/merge_recounts.sql

-- The part of a merge that recounts users from the facts, and takes those off who are no longer to be seen.
-- Its caller holds the lock. Returns how many gains and marks of theirs that settles.
create or replace function learn_internal.merge_recounts(p_user_ids uuid[])
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- for one user or for a million: plans that differ
set jit = off
as $$
declare
  v_count bigint;
begin
  with taken as (
    delete from learn_internal.board_gains g
    where g.user_id = any (p_user_ids)
    returning g.local_date, g.activity_type, g.amount
  ), tallied as (
    insert into learn_internal.tally_changes (measure, day, item, value)
    select 'xp', t.local_date, t.activity_type, sum(t.amount)
    from taken t
    where t.activity_type is not null
    group by t.local_date, t.activity_type
  ), wanted as (
    select r.user_id, r.metric, r.period, r.starts_on, r.value, lower(u.username) as name, r.lapses_at
    from learn_internal.board_recounts r
    join learn.users u on u.id = r.user_id
    where r.user_id = any (p_user_ids) and r.value <> 0
  ), gone as (
    delete from learn_internal.board_scores s
    where s.ctid = any (array(  -- nobody else writes here: the row stays where it is
      select max(k.row_id)
      from (
        select b.user_id, b.metric, b.period, b.starts_on, b.ctid as row_id, false as is_wanted
        from learn_internal.board_scores b
        where b.user_id = any (p_user_ids)
        union all
        select w.user_id, w.metric, w.period, w.starts_on, null, true from wanted w
      ) k
      group by k.user_id, k.metric, k.period, k.starts_on
      having not bool_or(k.is_wanted)))
  ), saved as (
    insert into learn_internal.board_scores as s
      (user_id, metric, period, starts_on, value, name, lapses_at)
    select w.* from wanted w
    order by w.user_id, w.metric, w.period, w.starts_on
    on conflict (user_id, metric, period, starts_on) do update
      set value = excluded.value, name = excluded.name, lapses_at = excluded.lapses_at
      where (s.value, s.name, s.lapses_at) <> (excluded.value, excluded.name, excluded.lapses_at)
  )
  select count(*) into v_count from taken;
  return v_count;
end;
$$;
comment on function learn_internal.merge_recounts(uuid[]) is
  'The part of a merge that recounts users from the facts; returns how many gains that settles.';

-- functions/leaderboards/merge_streaks.sql

-- The part of a merge about the board of streaks. What is merged is that a streak has changed: it is looked up
-- as it is now, with the moment at which it ends unless it changes again. Streaks that have ended are
-- taken off, p_at_most of them: until then readers leave them out.
-- Its caller holds the lock. Returns how many changes and ends that settles.
create or replace function learn_internal.merge_streaks(p_from uuid, p_to uuid, p_at_most integer)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_now   timestamptz := learn.clock();
  v_count bigint;
begin
  with taken as (
    delete from learn_internal.board_gains g
    where g.metric = 'current_streak' and g.user_id between p_from and p_to
    returning g.user_id
  ), changed as (
    select distinct t.user_id from taken t
  ), wanted as (
    select c.user_id, l.days, l.ends_at, l.name
    from changed c
    cross join lateral (
      select e.days, e.ends_at, lower(u.username) as name
      from learn_internal.streak_ends e
      join learn.users u on u.id = e.user_id and u.is_active and u.show_on_leaderboard
      where e.user_id = c.user_id and e.ends_at > v_now
      offset 0  -- by key, whatever is known of how many users have a streak
    ) l
    where exists (select from learn.metrics m where m.key = 'current_streak' and m.is_board)
  ), ended as (
    select c.user_id from changed c where c.user_id not in (select w.user_id from wanted w)
    union
    (
      select s.user_id
      from learn_internal.board_scores s
      where s.metric = 'current_streak' and s.lapses_at <= v_now and s.lapses_at < 'infinity'
        and s.user_id not in (select c.user_id from changed c)
      order by s.lapses_at
      limit p_at_most
    )
  ), gone as (
    delete from learn_internal.board_scores s
    where s.ctid = any (array(  -- nobody else writes here: the row stays where it is
      select r.row_id
      from ended e
      cross join lateral (
        select b.ctid as row_id
        from learn_internal.board_scores b
        where b.user_id = e.user_id and b.metric = 'current_streak' and b.period = 'all_time'
          and b.starts_on = '-infinity'
        offset 0
      ) r))
  ), saved as (
    insert into learn_internal.board_scores as s
      (user_id, metric, period, starts_on, value, name, lapses_at)
    select w.user_id, 'current_streak', 'all_time', '-infinity', w.days, w.name, w.ends_at
    from wanted w
    order by w.user_id
    on conflict (user_id, metric, period, starts_on) do update
      set value = excluded.value, name = excluded.name, lapses_at = excluded.lapses_at
      where (s.value, s.name, s.lapses_at) <> (excluded.value, excluded.name, excluded.lapses_at)
  )
  select (select count(*) from taken) + (select count(*) from ended) into v_count;
  return v_count;
end;
$$;
comment on function learn_internal.merge_streaks(uuid, uuid, integer) is
  'The part of a merge about the board of streaks; returns how many changes and ends that settles.';

-- functions/leaderboards/merge_boards.sql

-- Merges what all users have gained into the boards. Its caller holds the lock of the merge: see try_merge_boards().
-- Returns how many gains there were.
create or replace function learn_internal.merge_boards()
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- the whole range of users, and not one in a hundred as of any range
set jit = off
set work_mem = '64MB'       -- once: nobody else merges meanwhile
as $$
declare
  v_last_id bigint := coalesce(pg_sequence_last_value('learn_internal.board_gains_id_seq'), 0);
  v_count   bigint := learn_internal.merge_range(
    '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 200);  -- midnight ends many at once
begin
  update learn_internal.board_state s
  set merged_at = case when v_count > 0 then learn.clock() else s.merged_at end, merged_to = v_last_id
  where v_count > 0 or s.merged_to <> v_last_id;
  return v_count;
end;
$$;
comment on function learn_internal.merge_boards() is
  'Merges what users have gained into the boards; returns how many gains there were. Its caller holds '
  'the lock.';

-- functions/leaderboards/request_merge.sql

-- Has so many gains, or (null) all, merged when this transaction commits: at once, however often it is asked for.
create or replace function learn_internal.request_merge(p_gains bigint)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.merge_requests as r (transaction_id, gains) values (pg_current_xact_id(), p_gains)
  on conflict (transaction_id) do update set gains = r.gains + excluded.gains;
end;
$$;
comment on function learn_internal.request_merge(bigint) is
  'Has so many gains, or (null) all, merged when this transaction commits.';

-- functions/leaderboards/try_merge_boards.sql

-- Merges the boards, or (p_gains) some of what waits, unless somebody else is at it: after a load, or when a call
-- commits that finds much waiting. A snapshot of an older moment cannot merge.
-- Who merges has the row `boards` of learn_internal.turns, which nobody but the owner can lock.
create or replace function learn_internal.try_merge_boards(p_gains bigint default null)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    return;
  end if;
  perform from learn_internal.turns t where t.name = 'boards' for update skip locked;
  if found and p_gains is null then
    perform learn_internal.merge_boards();
  elsif found then
    perform learn_internal.merge_some(p_gains);
  end if;
end;
$$;
comment on function learn_internal.try_merge_boards(bigint) is
  'Merges the boards, or so many of the gains that wait, unless somebody else is at it.';

-- functions/leaderboards/leaderboard.sql

-- A page of a board: exact and live. Ties share a rank (1, 2, 2, 4) and stand by username.
-- Errors: LX001 no such board, a page out of range, or too many users in p_among.
create or replace function learn.leaderboard(
  p_period text default 'all_time',
  p_metric text default 'xp',
  p_limit  integer default 10,
  p_offset integer default 0,
  p_on     date default null,
  p_among  uuid[] default null
)
returns table (rank bigint, user_id uuid, username text, display_name text, value bigint)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- the same plan for small boards and large ones
set jit = off
as $$
declare
  v_board   learn_internal.board := learn_internal.find_board(
    p_period, p_metric, coalesce(p_on, (learn.clock() at time zone 'UTC')::date));
  v_waiting learn_internal.board_waiting;
  v_changes learn_internal.board_change[];
begin
  if p_limit is null or p_limit not between 0 and 1000 or p_offset is null or p_offset < 0 then
    raise exception 'the page is out of range'
      using errcode = 'LX001', detail = format('p_limit = %s, p_offset = %s',
          coalesce(p_limit::text, 'null'), coalesce(p_offset::text, 'null')),
        hint = 'A page has 0 to 1000 rows; the offset is 0 or more.';
  end if;
  perform learn_internal.require_cohort(p_among);
  if p_among is not null or not v_board.is_kept then
    return query
    select r.rank, r.user_id, u.username::text, u.display_name::text, r.value
    from (
      select rank() over (order by b.value desc) as rank, b.user_id, b.value
      from learn_internal.board_standings(v_board, p_among) b
    ) r
    join learn.users u on u.id = r.user_id
    order by r.rank, lower(u.username)
    limit p_limit offset p_offset;
    return;
  end if;

  v_waiting := learn_internal.board_waiting(v_board, null);
  v_changes := learn_internal.board_changes(v_board, v_waiting,
    learn_internal.page_floor(v_board, v_waiting, p_limit + p_offset::bigint), 9223372036854775807);
  return query
  select r.rank, r.user_id, u.username::text, u.display_name::text, r.value
  from (
    select rank() over (order by b.value desc) as rank, b.*
    from (
      -- the head of the board in order, up to the end of the page, without those who have moved
      (
        select s.user_id, s.name, s.value
        from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0 and s.lapses_at > v_board.at
          and s.user_id not in (select c.user_id from unnest(v_changes) c)
        order by s.value desc, s.name, s.user_id
        limit p_limit + p_offset::bigint
      )
      union all
      select c.user_id, c.name, c.new_value from unnest(v_changes) c where c.new_value > 0
    ) b
    order by b.value desc, b.name, b.user_id
    limit p_limit offset p_offset
  ) r
  join lateral (select * from learn.users l where l.id = r.user_id offset 0) u on true
  order by r.value desc, r.name, r.user_id;
end;
$$;
comment on function learn.leaderboard(text, text, integer, integer, date, uuid[]) is
  'A page of a board (day, week, month, all_time; of the period in which p_on lies, today if null), '
  'or of the same board among some users: exact and live, ties share a rank.';
grant execute on function learn.leaderboard(text, text, integer, integer, date, uuid[])
  to learn_app, learn_user, learn_readonly;

-- functions/leaderboards/leaderboard_around.sql

-- The rows of a board around a user, of the period in which p_on lies (without it, of the user's own today), also
-- among some users only: up to p_span before and after; none when the
-- user is not on it.
-- Errors: LX001 no such board, a span out of range, or too many users in p_among; LX002 unknown user.
create or replace function learn.leaderboard_around(
  p_user_id uuid, p_period text, p_metric text, p_span integer default 5, p_on date default null,
  p_among uuid[] default null
)
returns table (rank bigint, user_id uuid, username text, display_name text, value bigint)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- the same plan for small boards and large ones
set jit = off
as $$
declare
  v_board   learn_internal.board := learn_internal.find_board(
    p_period, p_metric, coalesce(p_on, learn_internal.today_of(p_user_id)));
  v_waiting learn_internal.board_waiting;
  v_changes learn_internal.board_change[];
  v_kept    learn_internal.board_change[];
  v_some    learn_internal.board_waiting;
  v_low     bigint;
  v_high    bigint;
  v_value   bigint;
  v_name    text;
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  if p_span is null or p_span not between 0 and 500 then
    raise exception 'the span is out of range'
      using errcode = 'LX001', detail = format('p_span = %s', coalesce(p_span::text, 'null')),
        hint = 'Ask for 0 to 500 rows on either side.';
  end if;
  perform learn_internal.require_cohort(p_among);
  if p_among is not null or not v_board.is_kept then
    return query
    with board as materialized (
      select rank() over (order by b.value desc) as rank, b.user_id, u.username::text, u.display_name::text,
        b.value, row_number() over (order by b.value desc, lower(u.username)) as place
      from learn_internal.board_standings(v_board, p_among) b
      join learn.users u on u.id = b.user_id
    )
    select b.rank, b.user_id, b.username, b.display_name, b.value
    from board b
    join board me on me.user_id = p_user_id
    where b.place between me.place - p_span and me.place + p_span
    order by b.place;
    return;
  end if;

  v_changes := learn_internal.board_changes(
    v_board, learn_internal.board_waiting(v_board, array[p_user_id]), 1, 9223372036854775807);
  if v_changes <> '{}' then
    v_value := v_changes[1].new_value;
    v_name := v_changes[1].name;
  else
    select s.value, s.name into v_value, v_name
    from learn_internal.board_scores s
    where s.user_id = p_user_id and s.metric = v_board.metric
      and s.period = v_board.period and s.starts_on = v_board.starts_on
      and s.lapses_at > v_board.at;
  end if;
  if v_value is null or v_value <= 0 then
    return;
  end if;

  -- The neighbours of whom nothing waits, in the order of the board, by index in both directions; between them, and
  -- some who have gained about as much as the user has, those of whom something does.
  v_waiting := learn_internal.board_waiting(v_board, null);
  v_kept := array(
    select (n.user_id, n.name, n.value, n.value)::learn_internal.board_change
    from (
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0 and s.lapses_at > v_board.at
          and s.value = v_value and s.name < v_name
          and s.user_id not in (select i from unnest(v_waiting.user_ids || v_waiting.recounted) i)
        order by s.value, s.name desc
        limit p_span
      )
      union all
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0 and s.lapses_at > v_board.at
          and s.value > v_value
          and s.user_id not in (select i from unnest(v_waiting.user_ids || v_waiting.recounted) i)
        order by s.value, s.name desc
        limit p_span
      )
      union all
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0 and s.lapses_at > v_board.at
          and s.value = v_value and s.name >= v_name
          and s.user_id not in (select i from unnest(v_waiting.user_ids || v_waiting.recounted) i)
        order by s.value desc, s.name
        limit p_span + 1
      )
      union all
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0 and s.lapses_at > v_board.at
          and s.value < v_value
          and s.user_id not in (select i from unnest(v_waiting.user_ids || v_waiting.recounted) i)
        order by s.value desc, s.name
        limit p_span + 1
      )
    ) n);
  v_some := v_waiting;
  select array_agg(a.user_id), array_agg(a.amount) into v_some.user_ids, v_some.amounts
  from (
    (
      select w.* from unnest(v_waiting.user_ids, v_waiting.amounts) w(user_id, amount)
      where w.amount >= v_value order by w.amount limit 2 * p_span
    )
    union all
    (
      select w.* from unnest(v_waiting.user_ids, v_waiting.amounts) w(user_id, amount)
      where w.amount < v_value order by w.amount desc limit 2 * p_span
    )
  ) a;
  v_changes := v_kept || learn_internal.board_changes(v_board, v_some, 1, 9223372036854775807);
  if p_span > 0 then
    v_low := coalesce((
      select c.new_value from unnest(v_changes) c where (-c.new_value, c.name) > (-v_value, v_name) and c.new_value > 0
      order by c.new_value desc, c.name offset p_span - 1 limit 1), 1);
    v_high := coalesce((
      select c.new_value from unnest(v_changes) c where (-c.new_value, c.name) < (-v_value, v_name)
      order by c.new_value, c.name desc offset p_span - 1 limit 1), 9223372036854775807);
  else
    v_low := v_value;
    v_high := v_value;
  end if;
  v_changes := learn_internal.board_changes(v_board, v_waiting, v_low, v_high);

  return query
  with kept as (
    select k.user_id, k.name, k.new_value as value from unnest(v_kept) k
    union all
    select c.user_id, c.name, c.new_value from unnest(v_changes) c where c.new_value > 0
  ), placed as (
    select k.*, row_number() over (order by k.value desc, k.name) as place
    from kept k
  ), near as (
    select p.*, rank() over (order by p.value desc) as local_rank
    from placed p
    join placed me on me.user_id = p_user_id
    where p.place between me.place - p_span and me.place + p_span
  ), firsts as (  -- ranks are counted on from those of the two highest values
    select f.value, f.local_rank, learn_internal.board_rank(v_board, f.value, v_changes) as rank
    from (select distinct n.value, n.local_rank from near n order by n.value desc limit 2) f
  )
  select f.rank + n.local_rank - f.local_rank, n.user_id, u.username::text, u.display_name::text, n.value
  from near n
  cross join lateral (
    select * from firsts x where x.value >= n.value order by x.value limit 1
  ) f
  join lateral (select * from learn.users l where l.id = n.user_id offset 0) u on true
  order by n.place;
end;
$$;
comment on function learn.leaderboard_around(uuid, text, text, integer, date, uuid[]) is
  'The rows of a board (of the period in which p_on lies, the user''s today if null) around a user, or of the same '
  'board among some users, up to p_span '
  'before and after.';
grant execute on function learn.leaderboard_around(uuid, text, text, integer, date, uuid[])
  to learn_app, learn_user, learn_readonly;

-- functions/leaderboards/move_stretches.sql

-- Counts users, or takes them away, in the stretches of boards where their values lie.
create or replace function learn_internal.move_stretches(p_steps learn_internal.board_step[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
begin
  if p_steps is null then
    return;
  end if;
  insert into learn_internal.board_stretches as f (metric, period, starts_on, floor, users, split_at)
  select w.metric, w.period, w.starts_on, w.floor, sum(w.users), 0
  from (
    select s.metric, s.period, s.starts_on, s.users, (
        select b.floor from learn_internal.board_stretches b
        where b.metric = s.metric and b.period = s.period and b.starts_on = s.starts_on and b.floor <= s.value
        order by b.floor desc limit 1) as floor
    from unnest(p_steps) s
  ) w
  group by w.metric, w.period, w.starts_on, w.floor
  having sum(w.users) <> 0
  -- the rows are there: this finds each by its key
  on conflict (metric, period, starts_on, floor) do update set users = f.users + excluded.users;
end;
$$;
comment on function learn_internal.move_stretches(learn_internal.board_step[]) is
  'Counts users, or takes them away, in the stretches of boards where their values lie.';

-- functions/leaderboards/refresh_leaderboard.sql

-- Merges all that users have gained into the boards, takes off the streaks that have ended, drops the boards
-- of periods that are over for longer than leaderboard_days_kept, and evens out what ranks are counted by.
-- Boards are right without it; it keeps them fast. Readers and learners never wait for it; a second run
-- waits for the first. Returns how many gains and ends it merged.
create or replace function learn.refresh_leaderboard()
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_kept_from date := (learn.clock() at time zone 'UTC')::date
    - learn_internal.setting_number('leaderboard_days_kept')::integer;
  v_count     bigint;
begin
  perform learn_internal.hold_content();
  perform from learn_internal.turns t where t.name = 'boards' for update;
  v_count := learn_internal.merge_boards();
  v_count := v_count + learn_internal.merge_streaks(  -- all that have ended
    '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', null);

  update learn_internal.board_state s set kept_from = v_kept_from where s.kept_from < v_kept_from;
  if found then
    delete from learn_internal.board_scores s
    where s.period <> 'all_time' and (s.starts_on + case s.period
      when 'day' then interval '1 day' when 'week' then interval '7 days'
      else interval '1 month' end)::date <= v_kept_from;
    delete from learn_internal.board_stretches f
    where f.period <> 'all_time' and (f.starts_on + case f.period
      when 'day' then interval '1 day' when 'week' then interval '7 days'
      else interval '1 month' end)::date <= v_kept_from;
  end if;

  -- Where users have moved on, stretches are left that are nearly empty: those boards are divided anew.
  perform learn_internal.divide_board(b.metric, b.period, b.starts_on)
  from (
    select f.metric, f.period, f.starts_on
    from learn_internal.board_stretches f
    group by f.metric, f.period, f.starts_on
    having count(*) > 4 + 4 * sum(f.users) / 1000
  ) b;
  return v_count;
end;
$$;
comment on function learn.refresh_leaderboard() is
  'Merges what users have gained into the boards, which keeps them fast; returns how many changes. '
  'Call it every minute or so.';
grant execute on function learn.refresh_leaderboard() to learn_app;

-- views/leaderboards/current_leaderboard.sql

-- Everybody who learned, or was seen, in the last 30 days, ranked by XP, by challenges and by streak.
create or replace view learn.current_leaderboard with (security_barrier) as
select b.user_id, b.username, b.display_name, b.avatar_url, b.total_xp, b.current_level,
  b.challenges_completed, b.current_streak,
  rank() over (order by b.total_xp desc) as xp_rank,
  rank() over (order by b.challenges_completed desc) as challenge_rank,
  rank() over (order by b.current_streak desc) as streak_rank
from (
  select u.id as user_id, u.username, u.display_name, u.avatar_url, s.total_xp, s.current_level,
    coalesce(m.value, 0) as challenges_completed,
    coalesce(e.days, 0) as current_streak
  from learn.users u
  join learn.user_stats s on s.user_id = u.id
  left join learn_internal.streak_ends e on e.user_id = u.id and e.ends_at > (select learn.clock())
  left join learn.user_metrics m
    on m.user_id = u.id and m.metric = 'challenges_completed' and m.scope = ''
  where u.is_active and u.show_on_leaderboard
    and (u.last_active_at > (select learn.clock()) - 30 * interval '24 hours'
      or s.last_activity_date > ((select learn.clock()) at time zone u.timezone)::date - 30)
) b;
comment on view learn.current_leaderboard is
  'Users active in the last 30 days, ranked by XP, completed challenges and streak; ties share '
  'a rank.';
grant select on learn.current_leaderboard to learn_app, learn_user, learn_readonly;

-- views/leaderboards/leaderboard_entries.sql

-- The boards as rows: those of periods that were closed as they stood then, the others as of the last merge.
-- leaderboard() answers by index, and for this moment. All time starts on a day that every driver can read.
create or replace view learn.leaderboard_entries as
select s.metric, s.period,
  case when s.period = 'all_time' then '0001-01-01' else s.starts_on end as period_start,
  s.user_id, s.value,
  rank() over (partition by s.metric, s.period, s.starts_on order by s.value desc) as rank,
  (select b.merged_at from learn_internal.board_state b) as calculated_at
from learn_internal.board_scores s
join learn.metrics m on m.key = s.metric and m.is_board
join learn.users u on u.id = s.user_id and u.is_active and u.show_on_leaderboard
where s.value > 0 and s.lapses_at > (select learn.clock()) and not exists (
  select from learn.closed_periods c
  where c.metric = s.metric and c.period = s.period and c.starts_on = s.starts_on)
union all
select s.metric, s.period, s.starts_on, s.user_id, s.value, s.rank, c.closed_at
from learn.period_standings s
join learn.closed_periods c
  on c.metric = s.metric and c.period = s.period and c.starts_on = s.starts_on
join learn.users u on u.id = s.user_id and u.is_active and u.show_on_leaderboard;
comment on view learn.leaderboard_entries is
  'The boards as rows: closed periods as they stood when they were closed, others as of the last merge '
  '(calculated_at). Filter by metric, period and period_start, which is 0001-01-01 for all time.';
grant select on learn.leaderboard_entries to learn_app, learn_readonly;

-- triggers/leaderboards/count_in_stretches.sql

-- When the boards change: each stretch of a board counts who has come and who has gone.
create or replace function learn_internal.count_in_stretches()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set jit = off
as $$
begin
  if tg_op <> 'DELETE' then
    insert into learn_internal.board_stretches (metric, period, starts_on, floor, users, split_at)
    select distinct n.metric, n.period, n.starts_on, 1, 0, 2000 from new_rows n
    on conflict (metric, period, starts_on, floor) do nothing;
  end if;
  if tg_op = 'INSERT' then
    perform learn_internal.move_stretches(array_agg(
      (s.metric, s.period, s.starts_on, s.value, s.users)::learn_internal.board_step))
    from (
      select n.metric, n.period, n.starts_on, n.value, count(*) as users
      from new_rows n
      where n.value > 0
      group by n.metric, n.period, n.starts_on, n.value
    ) s;
  elsif tg_op = 'DELETE' then
    perform learn_internal.move_stretches(array_agg(
      (s.metric, s.period, s.starts_on, s.value, s.users)::learn_internal.board_step))
    from (
      select o.metric, o.period, o.starts_on, o.value, -count(*) as users
      from old_rows o
      where o.value > 0
      group by o.metric, o.period, o.starts_on, o.value
    ) s;
  else
    perform learn_internal.move_stretches(array_agg(
      (s.metric, s.period, s.starts_on, s.value, s.users)::learn_internal.board_step))
    from (
      select c.metric, c.period, c.starts_on, c.value, sum(c.users) as users
      from (
        select n.metric, n.period, n.starts_on, n.value, 1 as users from new_rows n
        union all
        select o.metric, o.period, o.starts_on, o.value, -1 from old_rows o
      ) c
      where c.value > 0
      group by c.metric, c.period, c.starts_on, c.value
      having sum(c.users) <> 0
    ) s;
  end if;
  return null;
end;
$$;
comment on function learn_internal.count_in_stretches() is
  'Statement trigger: counts users of boards by stretches of values.';

create or replace trigger scores_inserted
  after insert on learn_internal.board_scores
  referencing new table as new_rows
  for each statement
  execute function learn_internal.count_in_stretches();

create or replace trigger scores_updated
  after update on learn_internal.board_scores
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.count_in_stretches();

create or replace trigger scores_deleted
  after delete on learn_internal.board_scores
  referencing old table as old_rows
  for each statement
  execute function learn_internal.count_in_stretches();

-- triggers/leaderboards/merge_at_commit.sql

-- When a transaction that has asked for it commits: the boards are merged, after all that it has written, so
-- that its gains are taken once, and others are kept from merging for a moment only.
create or replace function learn_internal.merge_at_commit()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_gains bigint;  -- as of all that has asked
begin
  delete from learn_internal.merge_requests r where r.transaction_id = new.transaction_id returning r.gains into v_gains;
  perform learn_internal.try_merge_boards(v_gains);
  return null;
end;
$$;
comment on function learn_internal.merge_at_commit() is
  'Deferred trigger: merges the boards when the transaction that has asked for it commits.';

create constraint trigger merge_at_commit
  after insert on learn_internal.merge_requests
  deferrable initially deferred
  for each row
  execute function learn_internal.merge_at_commit();

-- triggers/leaderboards/period_rewards.sql

-- When rewards change: a period that is being closed waits.
create or replace trigger period_rewards_change
  before insert or update or delete on learn.period_rewards
  for each statement
  execute function learn_internal.change_content();

-- triggers/leaderboards/period_standings.sql

-- What happens when rows of learn.period_standings are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.period_standings
  for each row
  when (learn_internal.is_off_date(new.starts_on, new.starts_on))
  execute function learn_internal.refuse_times('starts_on');

create or replace trigger refuse_new_times
  before update of starts_on on learn.period_standings
  for each row
  when (new.starts_on is distinct from old.starts_on and learn_internal.is_off_date(new.starts_on, new.starts_on))
  execute function learn_internal.refuse_times('starts_on');

-- views/identity/user_dashboard.sql

-- What a user's home page shows, one row per user. The streak is as of the user's today.
create or replace view learn.user_dashboard as
select u.id as user_id, u.username, u.display_name, u.avatar_url, u.avatar_emoji,
  v.slug as selected_avatar,
  s.total_xp, s.current_level, s.total_xp - l.min_xp as xp_in_level,
  n.min_xp - s.total_xp as xp_to_next_level,
  learn.calculate_user_streak(u.id) as current_streak, s.longest_streak,
  s.active_days, s.last_activity_date, s.streak_freezes,
  (select count(*) from learn.user_lesson_progress p
    where p.user_id = u.id and p.completed_at is not null) as lessons_completed,
  (select count(*) from learn.user_track_progress p
    where p.user_id = u.id and p.completed_at is not null) as tracks_completed,
  (select count(*) from learn.user_achievements a where a.user_id = u.id) as achievements_earned,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
      'slug', r.slug, 'name', r.name, 'icon', r.icon, 'rarity', r.rarity, 'earned_at', r.earned_at)
        order by r.earned_at desc, r.id desc), '[]')
    from (
      select e.id, e.earned_at, a.slug, a.icon, a.rarity,
        learn.localized(a.translations, u.locale, 'name', a.name) as name
      from learn.user_achievements e
      join learn.achievements a on a.id = e.achievement_id
      where e.user_id = u.id
      order by e.earned_at desc, e.id desc
      limit 5
    ) r
  ) as recent_achievements,
  (select count(*) from learn.user_course_progress p where p.user_id = u.id) as courses_enrolled,
  (select count(*) from learn.user_course_progress p
    where p.user_id = u.id and p.completed_at is not null) as courses_completed,
  (
    select coalesce(jsonb_agg(jsonb_build_object(
        'slug', r.slug, 'title', r.title, 'completion_percentage', r.completion_percentage,
        'last_activity_at', r.last_activity_at)
      order by r.last_activity_at desc nulls last, r.course_id), '[]')
    from (
      select p.course_id, c.slug, learn.localized(c.translations, u.locale, 'title', c.title) as title,
        p.completion_percentage, p.last_activity_at
      from learn.user_course_progress p
      join learn.courses c on c.id = p.course_id and c.is_published
      where p.user_id = u.id and p.completed_at is null
      order by p.last_activity_at desc nulls last, p.course_id
      limit 5
    ) r
  ) as current_courses,
  (select count(*) from learn.user_challenge_progress p
    where p.user_id = u.id and p.completed_at is not null) as challenges_completed,
  (
    select coalesce(jsonb_object_agg(t.slug, coalesce(p.progress_percentage, 0)), '{}')
    from learn.tracks t
    left join learn.user_track_progress p on p.user_id = u.id and p.track_id = t.id
    where t.is_published
  ) as track_progress,
  (select count(*) from learn.notifications n
    where n.user_id = u.id and not n.is_read) as unread_notifications,
  learn.user_rank(u.id) as xp_rank, learn.rank_percentile(u.id) as rank_percentile,
  (select count(*) from learn.user_challenge_progress p
    where p.user_id = u.id and p.started_at is not null) as challenges_started,
  (select coalesce(sum(cardinality(p.levels_completed)), 0) from learn.user_challenge_progress p
    where p.user_id = u.id) as challenge_levels_passed,
  (
    select coalesce(sum(x.seconds), 0)::bigint
    from (
      select sum(p.time_spent_seconds) as seconds from learn.user_lesson_progress p where p.user_id = u.id
      union all
      select sum(p.time_spent_seconds) from learn.user_challenge_progress p where p.user_id = u.id
      union all
      select sum(q.time_taken_seconds) from learn.quiz_attempts q where q.user_id = u.id
    ) x
  ) as time_spent_seconds,
  u.last_login_at, u.last_active_at
from learn.users u
join learn.user_stats s on s.user_id = u.id
left join learn.avatars v on v.id = u.selected_avatar_id
left join learn.level_thresholds l on l.level = s.current_level
left join learn.level_thresholds n on n.level = s.current_level + 1;
comment on view learn.user_dashboard is
  'One row per user for a home page: XP, level, streak as of the user''s today, counts, '
  'the five newest achievements.';
comment on column learn.user_dashboard.xp_to_next_level is 'Null on the highest level.';
comment on column learn.user_dashboard.xp_rank is
  'Rank by total XP among all who want to be seen; null: not on that board.';
comment on column learn.user_dashboard.current_courses is
  'The five courses under way with the latest activity: [{"slug": "…", "title": "…", '
  '"completion_percentage": 40.00, "last_activity_at": "…"}, …], in the user''s language.';
comment on column learn.user_dashboard.track_progress is
  'Per slug of published tracks, the percentage that is completed: {"fundamentals": 40.00, "concepts": 0, …}.';
comment on column learn.user_dashboard.rank_percentile is
  'Of all on the board of total XP, the percentage that has at most as much as the user; null: not on it.';
comment on column learn.user_dashboard.challenges_started is 'Challenges that the user has attempted.';
comment on column learn.user_dashboard.time_spent_seconds is
  'Time that was told for lessons, challenges and quizzes, in seconds.';
grant select on learn.user_dashboard to learn_app, learn_readonly;

-- views/identity/my_dashboard.sql

-- user_dashboard of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_dashboard with (security_barrier) as
select v.* from learn.user_dashboard v where v.user_id = (select learn.current_learner());
comment on view learn.my_dashboard is 'user_dashboard of the learner whose session it is: see current_learner().';
grant select on learn.my_dashboard to learn_app, learn_user, learn_readonly;

-- triggers/leaderboards/closed_periods.sql

-- What happens when rows of learn.closed_periods are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.closed_periods
  for each row
  when (learn_internal.is_off_time(new.closed_at, new.closed_at)
    or learn_internal.is_off_date(new.starts_on, new.starts_on))
  execute function learn_internal.refuse_times('closed_at', 'starts_on');

create or replace trigger refuse_new_times
  before update of closed_at, starts_on on learn.closed_periods
  for each row
  when (new.closed_at is distinct from old.closed_at and learn_internal.is_off_time(new.closed_at, new.closed_at)
    or new.starts_on is distinct from old.starts_on and learn_internal.is_off_date(new.starts_on, new.starts_on))
  execute function learn_internal.refuse_times('closed_at', 'starts_on');

-- functions/leaderboards/today_of.sql

-- A user's own date by Laurel's clock; of nobody, the one of UTC.
create or replace function learn_internal.today_of(p_user_id uuid)
returns date
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (learn.clock() at time zone coalesce((
    select u.timezone from learn.users u where u.id = p_user_id), 'UTC'))::date;
end;
$$;
comment on function learn_internal.today_of(uuid) is 'A user''s own date by the clock.';

-- functions/leaderboards/board_waiting.sql

-- What waits to be merged into a board, of all users or (p_user_ids) of some: added up by user.
create or replace function learn_internal.board_waiting(p_board learn_internal.board, p_user_ids uuid[])
returns learn_internal.board_waiting
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- whatever the size of board_gains was
set enable_seqscan = off
set enable_bitmapscan = off  -- an index scan skips from then on what it has found to be merged
set enable_sort = off        -- hashed, however few there were
set jit = off
as $$
declare
  v_marks   constant text[] := case (p_board).metric
    when 'current_streak' then array['', 'current_streak'] else array[''] end;
  v_waiting learn_internal.board_waiting;
begin
  if not (p_board).is_kept then
    v_waiting.recounted := '{}';
    return v_waiting;
  end if;
  if p_user_ids is null then
    v_waiting.recounted := array(
      select distinct g.user_id from learn_internal.board_gains g where g.metric = any (v_marks));
  else
    v_waiting.recounted := array(
      select distinct g.user_id from learn_internal.board_gains g
      where g.user_id = any (p_user_ids) and g.metric || '' = any (v_marks));
  end if;
  if (p_board).metric = 'current_streak' then
    return v_waiting;
  end if;
  if p_user_ids is not null then
    select array_agg(w.user_id), array_agg(w.amount), greatest(max(w.amount), 0), least(min(w.amount), 0)
    into v_waiting.user_ids, v_waiting.amounts, v_waiting.most, v_waiting.least
    from (
      select g.user_id,
        (case when (p_board).is_maximum then max(g.amount) else sum(g.amount) end)::bigint as amount
      from learn_internal.board_gains g
      where g.user_id = any (p_user_ids) and g.metric || '' = (p_board).metric  -- by user, that is
        and g.local_date >= (p_board).starts_on and g.local_date < (p_board).ends_on
        and g.user_id not in (select r from unnest(v_waiting.recounted) r)
      group by g.user_id
    ) w;
  else
    select array_agg(w.user_id), array_agg(w.amount), greatest(max(w.amount), 0), least(min(w.amount), 0)
    into v_waiting.user_ids, v_waiting.amounts, v_waiting.most, v_waiting.least
    from (
      select g.user_id,
        (case when (p_board).is_maximum then max(g.amount) else sum(g.amount) end)::bigint as amount
      from learn_internal.board_gains g
      where g.metric = (p_board).metric
        and g.local_date >= (p_board).starts_on and g.local_date < (p_board).ends_on
        and g.user_id not in (select r from unnest(v_waiting.recounted) r)
      group by g.user_id
    ) w;
  end if;
  return v_waiting;
end;
$$;
comment on function learn_internal.board_waiting(learn_internal.board, uuid[]) is
  'What waits to be merged into a board, of all users or of some.';

-- functions/leaderboards/page_floor.sql

-- A value that at least so many users of a board have by now: the first p_count are among those who have it. 1 where
-- there may be fewer.
create or replace function learn_internal.page_floor(
  p_board learn_internal.board, p_waiting learn_internal.board_waiting, p_count bigint
)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
  v_merged bigint;
  v_gained bigint;
begin
  select s.value into v_merged  -- also when all who may have lost something were before that place
  from learn_internal.board_scores s
  where s.metric = (p_board).metric and s.period = (p_board).period
    and s.starts_on = (p_board).starts_on and s.value > 0
  order by s.value desc, s.name, s.user_id
  limit 1 offset greatest(p_count, 1) - 1 + cardinality((p_waiting).recounted) + (
    select count(*) from unnest((p_waiting).amounts) a where a < 0);
  if (p_waiting).most > coalesce(v_merged, 0) and p_count <= 100 then
    select case when count(*) = p_count then min(t.value) end into v_gained
    from (
      select case when (p_board).is_maximum then greatest(s.value, g.amount)
        else coalesce(s.value, 0) + g.amount end as value
      from (
        select * from unnest((p_waiting).user_ids, (p_waiting).amounts) w(user_id, amount)
        order by w.amount desc
      ) g
      cross join lateral (
        select from learn.users l
        where l.id = g.user_id and l.is_active and l.show_on_leaderboard
        offset 0
      ) u
      left join lateral (
        select b.value
        from learn_internal.board_scores b
        where b.user_id = g.user_id and b.metric = (p_board).metric and b.period = (p_board).period
          and b.starts_on = (p_board).starts_on
        offset 0
      ) s on true
      limit p_count
    ) t;
  end if;
  return greatest(v_merged, v_gained, 1);
end;
$$;
comment on function learn_internal.page_floor(learn_internal.board, learn_internal.board_waiting, bigint) is
  'A value that the first so many users of a board have by now, at least.';

-- functions/leaderboards/place_on_board.sql

-- A user's rank on a kept board, exact and live; null for one who is not on it.
create or replace function learn_internal.place_on_board(
  p_board learn_internal.board, p_user_id uuid, p_waiting learn_internal.board_waiting
)
returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
declare
  v_own   learn_internal.board_change[] := learn_internal.board_changes(
    p_board, learn_internal.board_waiting(p_board, array[p_user_id]), 1, 9223372036854775807);
  v_value bigint;
begin
  if v_own <> '{}' then
    v_value := v_own[1].new_value;
  else
    select s.value into v_value
    from learn_internal.board_scores s
    where s.user_id = p_user_id and s.metric = (p_board).metric
      and s.period = (p_board).period and s.starts_on = (p_board).starts_on
      and s.lapses_at > (p_board).at;
  end if;
  if v_value > 0 then
    return learn_internal.board_rank(
      p_board, v_value, learn_internal.board_changes(p_board, p_waiting, v_value + 1, v_value));
  end if;
  return null;
end;
$$;
comment on function learn_internal.place_on_board(learn_internal.board, uuid, learn_internal.board_waiting) is
  'A user''s rank on a kept board; null: not on it.';

-- functions/leaderboards/limit_waiting.sql

-- Where more gains wait than the setting says, because nobody calls refresh_leaderboard(): has some merged when this
-- transaction commits, more of them where far more wait. How many wait is told from their ids, which on shards count in
-- steps; who merges counts.
create or replace function learn_internal.limit_waiting()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit   bigint := learn_internal.setting_number('leaderboard_gains_waiting');
  v_waiting bigint := (
    select (pg_sequence_last_value(q.seqrelid) - s.merged_to) / q.seqincrement
    from learn_internal.board_state s, pg_sequence q
    where q.seqrelid = 'learn_internal.board_gains_id_seq'::regclass);
begin
  if v_waiting > v_limit then
    perform learn_internal.request_merge(case when v_waiting > 2 * v_limit then 64 else 32 end);
  end if;
end;
$$;
comment on function learn_internal.limit_waiting() is
  'Has some gains merged at commit where more wait than leaderboard_gains_waiting.';

-- functions/leaderboards/merge_range.sql

-- Merges what users have gained into the boards, those from one id to another: adds it up, recounts those who are
-- marked, takes those off who are no longer to be seen, and of all users p_at_most streaks that have ended.
-- XP goes to the tally of what paid it, too. What each statement takes from board_gains it has put into
-- board_scores and tally_changes, so that every snapshot sees a gain in one of them.
-- The caller holds the lock of the merge, and says how this is planned. Returns how many gains there were.
create or replace function learn_internal.merge_range(p_from uuid, p_to uuid, p_at_most integer)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_kept_from date;
  v_marked    uuid[] := array(
    select distinct g.user_id from learn_internal.board_gains g where g.metric = '' and g.user_id between p_from and p_to);
  v_maxima    text[] := array(
    select m.key from learn.metrics m where (m.aggregate = 'max' or m.key = 'longest_streak') and m.is_board);
  v_count     bigint;
  v_marks     bigint := 0;
begin
  select s.kept_from into v_kept_from from learn_internal.board_state s;

  if v_marked <> '{}' then
    v_marks := learn_internal.merge_recounts(v_marked);
  end if;
  v_marks := v_marks + learn_internal.merge_streaks(p_from, p_to, p_at_most);

  with taken as (
    delete from learn_internal.board_gains g
    -- what was written in this moment, and is not a gain, is for the next time
    -- hashed, and not a join: of a queue, statistics often say that it is empty
    where g.user_id between p_from and p_to and g.metric not in ('', 'current_streak') and g.user_id not in (
      select k.user_id from learn_internal.board_gains k where k.metric = '')
    returning g.user_id, g.metric, g.local_date, g.activity_type, g.amount
  ), tallied as (
    insert into learn_internal.tally_changes (measure, day, item, value)
    select 'xp', t.local_date, t.activity_type, sum(t.amount)
    from taken t
    where t.activity_type is not null
    group by t.local_date, t.activity_type
  ), daily as (
    select t.user_id, t.metric, t.local_date,
      (case when t.metric = any (v_maxima) then max(t.amount) else sum(t.amount) end)::bigint as amount
    from taken t
    group by t.user_id, t.metric, t.local_date
  ), gained as (
    select t.user_id, t.metric, p.period, s.starts_on, t.name,
      (case when t.metric = any (v_maxima) then max(t.amount) else sum(t.amount) end)::bigint as amount
    from (
      select g.*, lower(u.username) as name
      from daily g
      join learn.metrics m on m.key = g.metric and m.is_board
      join learn.users u on u.id = g.user_id and u.is_active and u.show_on_leaderboard
      offset 0  -- each looked up once a day, and not once for each gain and period
    ) t
    -- no list of values: PostgreSQL reads it anew for each row that it is joined with
    cross join unnest(array['day', 'week', 'month', 'all_time']) p(period)
    cross join lateral (
      select case p.period when 'day' then t.local_date when 'all_time' then '-infinity'
        else date_trunc(p.period, t.local_date::timestamp)::date end as starts_on
    ) s
    where p.period = 'all_time' or t.local_date > '-infinity' and case p.period
      when 'day' then s.starts_on + 1 when 'week' then s.starts_on + 7
      else (s.starts_on + interval '1 month')::date end > v_kept_from
    group by t.user_id, t.metric, p.period, s.starts_on, t.name
  ), moved as (
    insert into learn_internal.board_scores as s (user_id, metric, period, starts_on, value, name)
    select g.user_id, g.metric, g.period, g.starts_on, g.amount, g.name
    from gained g
    order by g.user_id, g.metric, g.period, g.starts_on
    -- found by key, one by one: a join could be planned for a table that was empty when it was last looked at
    on conflict (user_id, metric, period, starts_on) do update
      set value = case when s.metric = any (v_maxima) then excluded.value
        else s.value + excluded.value end
      where s.metric <> all (v_maxima) or s.value < excluded.value
  )
  select count(*) into v_count from taken;

  perform learn_internal.split_stretch(f.metric, f.period, f.starts_on, f.floor)
  from learn_internal.board_stretches f
  where f.users >= f.split_at;
  return v_count + v_marks;
end;
$$;
comment on function learn_internal.merge_range(uuid, uuid, integer) is
  'Merges what users from one id to another have gained into the boards; returns how many gains there were.';

-- functions/leaderboards/merge_some.sql

-- Where more gains wait than the setting says: merges all that waits of some users, who follow one another by id and
-- have p_gains gains or a few more, which takes milliseconds. They begin with one who is to be recounted, else anywhere:
-- in the order in which gains came, there would be more deleted rows to pass over each time. A few streaks that have
-- ended are taken off, too.
-- The caller holds the lock of the merge: see try_merge_boards().
create or replace function learn_internal.merge_some(p_gains bigint)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- for a few gains
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_last_id bigint := coalesce(pg_sequence_last_value('learn_internal.board_gains_id_seq'), 0);
  v_step    bigint := (
    select q.seqincrement from pg_sequence q where q.seqrelid = 'learn_internal.board_gains_id_seq'::regclass);
  v_from    uuid := coalesce(
    (select g.user_id from learn_internal.board_gains g where g.metric = '' limit 1), gen_random_uuid());
  v_limit   bigint := learn_internal.setting_number('leaderboard_gains_waiting');
  v_ids     uuid[];
  v_to      uuid;
  v_count   bigint;
begin
  -- To count 10,000 rows takes as long as to merge some: so it is done once for each tenth of that which has come in.
  if v_last_id - (select s.counted_to from learn_internal.board_state s) > v_limit * v_step / 10 then
    select count(*) into v_count from (select from learn_internal.board_gains limit v_limit + 1) w;
    update learn_internal.board_state s
    set counted_to = v_last_id,  -- fewer wait where others merge, or had gained what was rolled back
      merged_to = case when v_count <= v_limit then v_last_id - v_count * v_step else s.merged_to end;
    if v_count <= v_limit then
      return;
    end if;
  end if;
  v_ids := array(
    select g.user_id from learn_internal.board_gains g where g.user_id >= v_from order by g.user_id limit p_gains);
  if cardinality(v_ids) < p_gains then
    v_from := '00000000-0000-0000-0000-000000000000';
    v_ids := array(select g.user_id from learn_internal.board_gains g order by g.user_id limit p_gains);
  end if;
  v_to := v_ids[cardinality(v_ids)];
  select count(*) into v_count from learn_internal.board_gains g where g.user_id between v_from and v_to;
  perform learn_internal.merge_range(v_from, v_to, 10);
  update learn_internal.board_state s
  set merged_to = case when cardinality(v_ids) < p_gains then v_last_id  -- that was all
    else least(s.merged_to + v_count * v_step, v_last_id) end;
end;
$$;
comment on function learn_internal.merge_some(bigint) is
  'Where too much waits, merges what some users have gained, so much at least. Its caller holds the lock.';

-- views/leaderboards/board_ever.sql

-- What the boards of all time are made of, recounted, of users who want to be seen. Filter by user_id: it reaches the tables.
create or replace view learn_internal.board_ever as
select t.user_id, t.metric, t.value as amount,
  t.metric in (select m.key from learn.metrics m where m.aggregate = 'max' or m.key = 'longest_streak') as is_maximum,
  'infinity'::timestamptz as lapses_at
from learn_internal.board_totals t
join learn.users u on u.id = t.user_id and u.is_active and u.show_on_leaderboard
union all
select e.user_id, 'current_streak', e.days, false, e.ends_at
from learn_internal.streak_ends e
join learn.users u on u.id = e.user_id and u.is_active and u.show_on_leaderboard
where e.ends_at > (select learn.clock())
  and exists (select from learn.metrics m where m.key = 'current_streak' and m.is_board);
comment on view learn_internal.board_ever is
  'What the boards of all time are made of, recounted, of users who want to be seen.';

-- views/leaderboards/board_addends.sql

-- What the boards that board_scores keeps are made of, recounted from the facts: values of all time, and what each day
-- adds to the periods that it is in, a row for each, of users who want to be seen. Filter by user_id: it reaches the tables.
create or replace view learn_internal.board_addends as
select f.user_id, f.metric, p.period, p.starts_on, f.amount, f.is_maximum, 'infinity'::timestamptz as lapses_at
from (  -- first by days, of which there are fewer than facts
  select d.user_id, d.metric, d.local_date, d.is_maximum,
    (case when d.is_maximum then max(d.amount) else sum(d.amount) end)::bigint as amount
  from learn_internal.board_facts d
  where d.amount is not null
    and d.local_date >= (select date_trunc('month', s.kept_from::timestamp)::date - 6 from learn_internal.board_state s)
    and d.recorded_at >= (
      select date_trunc('month', s.kept_from::timestamp) - interval '8 days' from learn_internal.board_state s)
  group by d.user_id, d.metric, d.local_date, d.is_maximum
) f
join learn.users u on u.id = f.user_id and u.is_active and u.show_on_leaderboard
cross join lateral (
  values
    ('day', f.local_date, (select s.kept_from from learn_internal.board_state s)),
    ('week', f.local_date - (f.local_date - '0001-01-01'::date) % 7,  -- a Monday
      (select date_trunc('week', s.kept_from::timestamp)::date from learn_internal.board_state s)),
    ('month', date_trunc('month', f.local_date::timestamp)::date,
      (select date_trunc('month', s.kept_from::timestamp)::date from learn_internal.board_state s))
) p(period, starts_on, kept_from)
where p.starts_on >= p.kept_from
union all
select e.user_id, e.metric, 'all_time', '-infinity', e.amount, e.is_maximum, e.lapses_at
from learn_internal.board_ever e;
comment on view learn_internal.board_addends is
  'What the boards that board_scores keeps are made of, recounted from the facts: add up, or take the maximum.';

-- views/leaderboards/board_suspects.sql

-- Learners whose boards may not be what the facts say, for a look at everybody: board_damage then says what is wrong. To
-- compare place by place takes a group for each, and of these there are as many as facts. So each value is multiplied by
-- two numbers of its place, and so is what the facts add to it: by learner, both add up to the same, modulo two primes.
-- One wrong value is always told; several wrong ones of a learner cancel out once in 2^60 cases. Who has gained on a day
-- that is on no board is suspect, too, and so is whose maximum waits to be merged.
create or replace view learn_internal.board_suspects as
with days as materialized (  -- what an amount of a day is multiplied by: the numbers of all places to which it is added
  select p.metric, p.day, sum(h.place_hash & 2147483647) % 2147483629 as one, sum(h.place_hash >> 33 & 2147483647) % 2147483647 as two
  from (
    select b.metric, d::date as day
    from learn_internal.board_stretches b
    cross join lateral generate_series(b.starts_on::timestamp,
      b.starts_on + case b.period when 'week' then interval '6 days' else interval '1 month - 1 day' end, '1 day') d
    where b.period in ('week', 'month')
    union
    select g.metric, g.local_date from learn_internal.board_gains g where g.local_date > '-infinity'
  ) p
  cross join learn_internal.board_state s
  cross join lateral (
    values
      ('day', p.day, s.kept_from),
      ('week', date_trunc('week', p.day::timestamp)::date, date_trunc('week', s.kept_from::timestamp)::date),
      ('month', date_trunc('month', p.day::timestamp)::date, date_trunc('month', s.kept_from::timestamp)::date)
  ) z(period, starts_on, kept_from)
  cross join lateral hash_record_extended((p.metric, z.period, z.starts_on), 0) h(place_hash)
  where z.starts_on >= z.kept_from
  group by p.metric, p.day
)
select t.user_id
from (
  select f.user_id, f.one, f.two, f.is_counted
  from (
    select d.user_id, sum(d.amount % 2147483629 * w.one) as one, sum(d.amount % 2147483647 * w.two) as two,
      bool_and(w.day is not null or d.amount = 0) as is_counted
    from learn_internal.board_facts d
    left join days w on w.metric = d.metric and w.day = d.local_date
    where not d.is_maximum and d.amount is not null
      and d.local_date >= (
        select least(date_trunc('week', s.kept_from::timestamp), date_trunc('month', s.kept_from::timestamp))::date
        from learn_internal.board_state s)
      and d.recorded_at >= (
        select date_trunc('month', s.kept_from::timestamp) - interval '8 days' from learn_internal.board_state s)
    group by d.user_id
  ) f
  join learn.users u on u.id = f.user_id and u.is_active and u.show_on_leaderboard
  union all
  select v.user_id, - sum(v.amount % 2147483629 * (v.place_hash & 2147483647) + v.lapse),
    - sum(v.amount % 2147483647 * (v.place_hash >> 33 & 2147483647) + v.lapse), true
  from (
    select b.user_id, b.value as amount, hash_record_extended((b.metric, b.period, b.starts_on), 0) as place_hash,
      case when b.lapses_at = 'infinity' then 0 else hashtextextended(b.lapses_at::text, 0) >> 32 end as lapse
    from learn_internal.board_values b
    union all
    select e.user_id, - e.amount, hash_record_extended((e.metric, 'all_time'::text, '-infinity'::date), 0),
      case when e.lapses_at = 'infinity' then 0 else - (hashtextextended(e.lapses_at::text, 0) >> 32) end
    from learn_internal.board_ever e
    where not e.is_maximum and (e.metric <> 'current_streak' or not exists (
      select from learn_internal.board_gains k where k.user_id = e.user_id and k.metric = 'current_streak'))
    union all
    select a.user_id, - max(a.amount), hash_record_extended((a.metric, a.period, a.starts_on), 0), 0
    from learn_internal.board_addends a
    where a.is_maximum
    group by a.user_id, a.metric, a.period, a.starts_on
  ) v
  group by v.user_id
) t
where not exists (select from learn_internal.board_gains k where k.user_id = t.user_id and k.metric = '')
group by t.user_id
having sum(t.one) % 2147483629 <> 0 or sum(t.two) % 2147483647 <> 0 or not bool_and(t.is_counted)
union
select s.user_id
from learn_internal.board_scores s
join (select u.id, lower(u.username) as name from learn.users u offset 0) u on u.id = s.user_id
where s.name <> u.name;
comment on view learn_internal.board_suspects is
  'Learners whose boards may not be what the facts say, found by sums; board_damage says whether and how.';

-- views/leaderboards/board_recounts.sql

-- The boards recounted from the facts: what board_scores must say once everything is merged.
-- Filter by user_id: it reaches the tables.
create or replace view learn_internal.board_recounts as
select a.user_id, a.metric, a.period, a.starts_on,
  (case when bool_or(a.is_maximum) then max(a.amount) else sum(a.amount) end)::bigint as value,
  min(a.lapses_at) as lapses_at
from learn_internal.board_addends a
group by a.user_id, a.metric, a.period, a.starts_on;
comment on view learn_internal.board_recounts is
  'The boards that board_scores keeps, recounted from the facts, of users who want to be seen.';

-- views/leaderboards/board_damage.sql

-- Where boards are not what the facts say: the part of check_integrity() about leaderboards.
create or replace view learn_internal.board_damage as
select 'boards_follow_from_facts' as check_name, w.user_id,
  format('%s %s %s: %s until %s', w.metric, w.period, w.starts_on, w.due, w.due_until) as expected,
  format('%s until %s', w.value, w.until) as actual
from (
  select b.user_id, b.metric, b.period, b.starts_on, max(b.due_until) as due_until, max(b.until) as until,
    coalesce(case when bool_or(b.is_maximum) then max(b.due) else sum(b.due) end, 0) as due,
    coalesce(case when bool_or(b.is_maximum) then max(b.value) else sum(b.value) end, 0) as value
  from (
    select a.user_id, a.metric, a.period, a.starts_on, a.is_maximum, a.amount as due, a.lapses_at as due_until,
      null::bigint as value, null::timestamptz as until
    from learn_internal.board_addends a
    where not exists (
      select from learn_internal.board_gains k
      where k.user_id = a.user_id
        and (k.metric = '' or k.metric = 'current_streak' and a.metric = 'current_streak'))
    union all
    select v.user_id, v.metric, v.period, v.starts_on, v.is_maximum, null, null, v.value, v.lapses_at
    from learn_internal.board_values v
  ) b
  group by b.user_id, b.metric, b.period, b.starts_on
) w
where w.due <> w.value or w.due_until <> w.until
union all
select 'names_on_boards_are_usernames', s.user_id, lower(u.username), s.name
from learn_internal.board_scores s
join learn.users u on u.id = s.user_id
where s.name <> lower(u.username) and not exists (
  select from learn_internal.board_gains k where k.user_id = s.user_id and k.metric = '');
comment on view learn_internal.board_damage is
  'Where boards are not what the facts say; no row when all is well.';

reset role;
