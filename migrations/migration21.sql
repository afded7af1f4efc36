-- Leaderboards that answer in about a millisecond at a million users, exact and live. What learners gain is
-- appended, folded into the boards in batches, and corrected for by readers until then: docs/leaderboards.md.

set role learn_owner;

-- lint: ignore ban-drop-table because a view of the same name and columns takes its place
drop table learn.leaderboard_entries;

alter table learn_internal.metric_feeds add column is_board boolean not null default false;
comment on column learn_internal.metric_feeds.is_board is
  'Whether what it adds counts on boards too: of metrics with boards, the total, no scope.';
alter table learn.activity_types add column feeds_boards boolean not null default false;
comment on column learn.activity_types.feeds_boards is
  'Whether a metric with boards counts facts of this type. Kept by the triggers of metrics.';

create table learn_internal.board_gains (
  user_id    uuid not null,
  id         bigint generated always as identity,
  metric     text not null,
  local_date date not null,
  amount     bigint,
  primary key (user_id, id)
);
comment on table learn_internal.board_gains is
  'What users have gained since the boards were last folded: appended by the engine, taken away by '
  'fold_boards(). No foreign key: what is to be folded outlives its user.';
comment on column learn_internal.board_gains.metric is
  'A metric with boards; empty where the user is to be recounted.';
comment on column learn_internal.board_gains.local_date is
  'The user''s date on which it was gained; -infinity where it counts only for all time.';
comment on column learn_internal.board_gains.amount is
  'What to add, or the value that a maximum may rise to; null: recount the user from the facts, or '
  'take the user off the boards.';
create index board_gains_metric on learn_internal.board_gains (metric, local_date, user_id);
alter table learn_internal.board_gains
  set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

create table learn_internal.board_scores (
  user_id   uuid not null,
  metric    text not null,
  period    text not null,
  starts_on date not null,
  value     bigint not null,
  name      text not null,
  primary key (user_id, metric, period, starts_on)
);
comment on table learn_internal.board_scores is
  'The boards as of the last fold: what every user who may be seen has reached in a period. Written by '
  'fold_boards() alone. No foreign key: a user who is deleted is taken off by the next fold.';
comment on column learn_internal.board_scores.starts_on is
  'First day of the period, Monday for a week; -infinity for all_time.';
comment on column learn_internal.board_scores.value is
  'Sum of the gains, or their maximum; 0 or less: on no board, but counted on.';
comment on column learn_internal.board_scores.name is 'The username in lower case: the order in a tie.';
create index board_scores_order
  on learn_internal.board_scores (metric, period, starts_on, value desc, name, user_id)
  where value > 0;

create table learn_internal.board_fences (
  metric    text not null,
  period    text not null,
  starts_on date not null,
  floor     bigint not null,
  users     bigint not null,
  split_at  bigint not null,
  primary key (metric, period, starts_on, floor)
);
comment on table learn_internal.board_fences is
  'How many users a board has between one value and the next: so that a rank is a sum of some of these '
  'and a count of few rows. Kept by the triggers of board_scores and by fold_boards().';
comment on column learn_internal.board_fences.floor is
  'The lowest value counted here; the next floor is counted there.';
comment on column learn_internal.board_fences.split_at is 'Number of users from which it is split in two or more.';
create index board_fences_crowded
  on learn_internal.board_fences (metric, period, starts_on, floor) where users >= split_at;

create table learn_internal.board_state (
  is_only_row boolean primary key default true,
  kept_from   date not null default '-infinity',
  folded_at   timestamptz not null default learn.clock(),
  constraint board_state_has_one_row check (is_only_row)
);
comment on table learn_internal.board_state is 'One row: what the boards in board_scores cover.';
comment on column learn_internal.board_state.kept_from is
  'Periods that ended on this day or earlier are no longer in board_scores: their boards are computed from the facts.';
comment on column learn_internal.board_state.folded_at is 'When gains were last folded into board_scores.';
insert into learn_internal.board_state default values;

create type learn_internal.board as (
  metric text, period text, starts_on date, ends_on date, is_maximum boolean, is_kept boolean);
comment on type learn_internal.board is
  'A board: a metric in a period, from its first day to before ends_on. is_kept: it is in board_scores.';
create type learn_internal.board_change as (
  user_id uuid, name text, old_value bigint, new_value bigint);
comment on type learn_internal.board_change is
  'A user whose place on a board has changed since the last fold: what board_scores says (0: not on it), '
  'and what is true.';

create type learn_internal.board_step as (
  metric text, period text, starts_on date, value bigint, users bigint);
comment on type learn_internal.board_step is 'So many users more or less with a value on a board.';

create table learn.closed_periods (
  metric    text not null references learn.metrics on update cascade on delete cascade,
  period    text not null,
  starts_on date not null,
  users     bigint not null,
  closed_at timestamptz not null default learn.clock(),
  primary key (metric, period, starts_on),
  constraint period_is_known check (period in ('day', 'week', 'month'))
);
comment on table learn.closed_periods is
  'Boards of finished periods whose standings were kept, and rewards paid, by close_period().';
comment on column learn.closed_periods.users is 'How many users were on the board.';
grant select on learn.closed_periods to learn_app, learn_readonly;

create table learn.period_standings (
  user_id   uuid not null references learn.users on delete cascade,
  metric    text not null,
  period    text not null,
  starts_on date not null,
  value     bigint not null,
  rank      bigint not null,
  xp_paid   integer not null default 0,
  primary key (user_id, metric, period, starts_on),
  constraint standings_belong_to_a_closed_period foreign key (metric, period, starts_on)
    references learn.closed_periods on update cascade on delete cascade,
  constraint rank_is_positive check (rank >= 1)
);
comment on table learn.period_standings is
  'Who stood where when a period was closed. Later changes do not touch it.';
create index period_standings_board
  on learn.period_standings (metric, period, starts_on, rank, user_id);
grant select on learn.period_standings to learn_app, learn_readonly;

create table learn.period_rewards (
  metric    text not null references learn.metrics on update cascade on delete cascade,
  period    text not null,
  rank_from integer not null,
  rank_to   integer not null,
  xp        integer not null,
  primary key (metric, period, rank_from, rank_to),
  constraint period_is_known check (period in ('day', 'week', 'month')),
  constraint ranks_are_in_order check (rank_from >= 1 and rank_to >= rank_from),
  constraint xp_is_positive check (xp between 1 and 1000000000)
);
comment on table learn.period_rewards is
  'XP that close_period() pays to those who finish a period on ranks rank_from to rank_to. Where ranges '
  'overlap, the highest amount counts.';
grant select on learn.period_rewards to learn_app, learn_readonly;

insert into learn.platform_settings (key, value, value_type, description) values
  ('leaderboard_days_kept', '8', 'number',
    'Days after its end for which the board of a period answers in a millisecond; later it is computed from the facts.');

-- lint: ignore ban-drop-function because one with an optional parameter more takes its place
drop function learn.leaderboard(text,text,integer,integer,date);
-- lint: ignore ban-drop-function because one with an optional parameter more takes its place
drop function learn.leaderboard_around(uuid,text,text,integer);
-- lint: ignore ban-drop-function because one with an optional parameter more takes its place
drop function learn.user_rank(uuid,text,text);
-- lint: ignore ban-drop-function because nobody else called it
drop function learn_internal.board_values(text,text,date);

-- functions/activity/note_consequences.sql

-- When rules or metrics change: what each type of fact can cause is noted with the type,
-- and how it feeds metrics, a row for each value that it moves.
create or replace function learn_internal.note_consequences()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update learn.activity_types t
  set pays = c.pays, is_capped = c.is_capped, feeds_metrics = c.feeds_metrics,
    feeds_days = c.feeds_days, resets_runs = c.resets_runs, notifies = c.notifies,
    feeds_boards = c.feeds_boards
  from (
    select a.key,
      (select r.amount from learn.xp_rules r where r.activity_type = a.key) as pays,
      exists (
        select from learn.xp_rules r
        where r.activity_type = a.key and r.daily_cap is not null) as is_capped,
      exists (
        select from learn.metrics m
        where m.activity_type = a.key and m.aggregate <> 'distinct_days') as feeds_metrics,
      exists (
        select from learn.metrics m
        where m.activity_type = a.key and m.aggregate = 'distinct_days') as feeds_days,
      exists (select from learn.metrics m where m.reset_activity_type = a.key) as resets_runs,
      exists (
        select from learn.notification_rules r
        where r.activity_type = a.key and r.is_active) as notifies,
      exists (
        select from learn.metrics m
        where m.activity_type = a.key and m.aggregate <> 'distinct_days' and m.is_board)
        as feeds_boards
    from learn.activity_types a
  ) c
  where t.key = c.key and (t.pays, t.is_capped, t.feeds_metrics, t.feeds_days,
      t.resets_runs, t.notifies, t.feeds_boards)
    is distinct from (c.pays, c.is_capped, c.feeds_metrics, c.feeds_days,
      c.resets_runs, c.notifies, c.feeds_boards);

  with feeds as (
    select m.activity_type, m.key as metric, s.is_scoped, m.aggregate, m.property, m.filter,
      case when s.is_scoped then m.scope_property end as scope_property,
      m.is_board and not s.is_scoped as is_board
    from learn.metrics m
    cross join (values (false), (true)) s(is_scoped)
    where m.activity_type is not null and m.aggregate <> 'distinct_days'
      and (m.scope_property is not null or not s.is_scoped)
  ), gone as (
    delete from learn_internal.metric_feeds o
    where not exists (
      select from feeds f
      where (f.activity_type, f.metric, f.is_scoped) = (o.activity_type, o.metric, o.is_scoped))
  )
  insert into learn_internal.metric_feeds as o
    (activity_type, metric, is_scoped, aggregate, property, filter, scope_property, is_board)
  select * from feeds
  on conflict (activity_type, metric, is_scoped) do update
    set aggregate = excluded.aggregate, property = excluded.property, filter = excluded.filter,
      scope_property = excluded.scope_property, is_board = excluded.is_board
    where (o.aggregate, o.property, o.filter, o.scope_property, o.is_board)
      is distinct from (excluded.aggregate, excluded.property, excluded.filter,
        excluded.scope_property, excluded.is_board);
  return null;
end;
$$;
comment on function learn_internal.note_consequences() is
  'Statement trigger: notes with activity types what facts can cause.';
revoke all on function learn_internal.note_consequences() from public;

-- views/leaderboards/board_totals.sql

-- What users have reached of all time in the metrics with boards.
create or replace view learn_internal.board_totals as
select s.user_id, v.metric, v.value
from learn.user_stats s
cross join lateral (
  values
    ('xp', s.total_xp),
    ('level_reached', s.highest_level::bigint),
    ('active_days', s.active_days::bigint)
) v(metric, value)
where v.metric in (select m.key from learn.metrics m where m.is_board)
union all
select v.user_id, m.key, v.value
from learn.metrics m
join learn.user_metrics v on v.metric = m.key and v.scope = ''
where m.is_board;
comment on view learn_internal.board_totals is
  'Values of all time per user and metric with boards; the streak, which ends by itself, is not here.';

-- views/leaderboards/board_facts.sql

-- What each fact adds to boards, on which date of the user's: the source of the boards of periods.
-- A fact is never recorded before its date begins anywhere: a condition on recorded_at leaves older
-- partitions alone.
create or replace view learn_internal.board_facts as
select t.user_id, 'xp' as metric, false as is_maximum, t.earned_on as local_date,
  t.amount::bigint as amount, t.created_at as recorded_at
from learn.xp_transactions t
where exists (select from learn.metrics m where m.key = 'xp' and m.is_board)
union all
select f.user_id, m.key, m.aggregate = 'max', f.local_date,
  case when m.property is null then 1
    else learn_internal.number_property(f.properties, m.property)::bigint end,
  f.recorded_at
from learn.metrics m
join learn.activity_log f on f.activity_type = m.activity_type and f.properties @> m.filter
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
  and exists (select from learn.metrics m where m.key = 'active_days' and m.is_board);
comment on view learn_internal.board_facts is
  'What facts add to boards, per user, metric and local date. recorded_at bounds the partitions read.';

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
    -- missed days that freezes cover are rare: asked only where they may matter
    select s.user_id, case
        when s.last_activity_date < (learn.clock() at time zone 'UTC')::date - 2 - s.streak_freezes
          then 0
        else learn.calculate_user_streak(s.user_id) end::bigint
    from learn.user_stats s
    join learn.users u on u.id = s.user_id and u.is_active and u.show_on_leaderboard
    where s.current_streak > 0 and (p_user_ids is null or s.user_id = any (p_user_ids));
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
revoke all on function learn_internal.recount_board(learn_internal.board, uuid[]) from public;

-- functions/leaderboards/board_changes.sql

-- What has changed on a board since the last fold: the users who have gained, and those to be
-- recounted, with what board_scores says and what is true now. Costs as much as there were gains.
create or replace function learn_internal.board_changes(p_board learn_internal.board)
returns learn_internal.board_change[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- by key, whatever the size of board_gains was
set enable_seqscan = off
set jit = off
as $$
declare
  v_recounted uuid[];
begin
  if not (p_board).is_kept then
    return '{}';
  end if;
  v_recounted := array(
    select distinct g.user_id from learn_internal.board_gains g where g.metric = '');
  return array(
    select (c.user_id, c.name, greatest(c.old_value, 0), greatest(c.new_value, 0))
      ::learn_internal.board_change
    from (
      select g.user_id, coalesce(s.name, lower(u.username)) as name,
        coalesce(s.value, 0) as old_value,
        case
          when s.user_id is null and u.id is null then 0
          when (p_board).is_maximum then greatest(s.value, g.amount)
          else coalesce(s.value, 0) + g.amount end as new_value
      from (
        select n.user_id,
          (case when (p_board).is_maximum then max(n.amount) else sum(n.amount) end)::bigint as amount
        from learn_internal.board_gains n
        where n.metric = (p_board).metric
          and n.local_date >= (p_board).starts_on and n.local_date < (p_board).ends_on
          and n.user_id not in (select r from unnest(v_recounted) r)
        group by n.user_id
      ) g
      left join lateral (
        select b.user_id, b.name, b.value
        from learn_internal.board_scores b
        where b.user_id = g.user_id and b.metric = (p_board).metric
          and b.period = (p_board).period and b.starts_on = (p_board).starts_on
        offset 0
      ) s on true
      left join lateral (  -- new on this board, unless the user does not want to be seen
        select l.id, l.username
        from learn.users l
        where l.id = g.user_id and s.user_id is null and l.is_active and l.show_on_leaderboard
        offset 0
      ) u on true
      where s.user_id is not null or u.id is not null
      union all
      select i.user_id, coalesce(lower(u.username), s.name), coalesce(s.value, 0), coalesce(r.value, 0)
      from unnest(v_recounted) i(user_id)
      left join learn_internal.board_scores s
        on s.user_id = i.user_id and s.metric = (p_board).metric
          and s.period = (p_board).period and s.starts_on = (p_board).starts_on
      left join learn.users u on u.id = i.user_id
      left join learn_internal.recount_board(p_board, v_recounted) r on r.user_id = i.user_id
    ) c);
end;
$$;
comment on function learn_internal.board_changes(learn_internal.board) is
  'The users whose place on a board may have changed since the last fold, with old and new values.';
revoke all on function learn_internal.board_changes(learn_internal.board) from public;

-- functions/leaderboards/board_rank.sql

-- The rank of a value on a kept board: 1 and the number of users above it. Those are the users in all
-- the stretches above its own, the few above it in its own, and a correction for the changes since the last fold.
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
  from learn_internal.board_fences f
  where f.metric = (p_board).metric and f.period = (p_board).period
    and f.starts_on = (p_board).starts_on and f.floor > p_value;
  return 1 + v_above + (
    select count(*)
    from learn_internal.board_scores s
    where s.metric = (p_board).metric and s.period = (p_board).period
      and s.starts_on = (p_board).starts_on and s.value > 0
      and s.value > p_value and s.value < coalesce(v_floor, 9223372036854775807)
  ) + (
    select coalesce(sum((c.new_value > p_value)::integer - (c.old_value > p_value)::integer), 0)
    from unnest(p_changes) c
  );
end;
$$;
comment on function learn_internal.board_rank(
  learn_internal.board, bigint, learn_internal.board_change[]) is
  'The rank of a value on a kept board: 1 and the number of users above it.';
revoke all on function learn_internal.board_rank(
  learn_internal.board, bigint, learn_internal.board_change[]) from public;

-- functions/leaderboards/board_standings.sql

-- Who stands on a board with what, all of it or among some users: those with a value above 0.
-- Kept boards are read, others recounted.
create or replace function learn_internal.board_standings(
  p_board learn_internal.board, p_among uuid[], p_changes learn_internal.board_change[]
)
returns table (user_id uuid, value bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
begin
  if not (p_board).is_kept then
    return query
    select r.user_id, r.value
    from learn_internal.recount_board(p_board, p_among) r
    where r.value > 0;
    return;
  end if;
  if p_among is null then
    return query
    select s.user_id, s.value
    from learn_internal.board_scores s
    where s.metric = (p_board).metric and s.period = (p_board).period
      and s.starts_on = (p_board).starts_on and s.value > 0
      and s.user_id not in (select c.user_id from unnest(p_changes) c);
  else
    return query
    select s.user_id, s.value
    from (select distinct i.id from unnest(p_among) i(id)) a
    cross join lateral (
      select b.user_id, b.value
      from learn_internal.board_scores b
      where b.user_id = a.id and b.metric = (p_board).metric and b.period = (p_board).period
        and b.starts_on = (p_board).starts_on
      offset 0
    ) s
    where s.value > 0 and s.user_id not in (select c.user_id from unnest(p_changes) c);
  end if;
  return query
  select c.user_id, c.new_value
  from unnest(p_changes) c
  where c.new_value > 0 and (p_among is null or c.user_id = any (p_among));
end;
$$;
comment on function learn_internal.board_standings(
  learn_internal.board, uuid[], learn_internal.board_change[]) is
  'Users and values of a board, all of it or among some users.';
revoke all on function learn_internal.board_standings(
  learn_internal.board, uuid[], learn_internal.board_change[]) from public;

-- functions/leaderboards/find_board.sql

-- The board of a metric for the period in which a day lies.
-- Errors: LX001 no such period, no board of this metric, or none of it for periods.
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
      or v_metric.aggregate = 'stat' and p_metric not in ('xp', 'active_days'))
  then
    raise exception 'there is no such board'
      using errcode = 'LX001',
        detail = format('p_metric = %s, p_period = %s', coalesce(p_metric, 'null'), p_period),
        hint = 'Boards are of the metrics where learn.metrics.is_board; of runs, levels and the '
          'streak there are only those of all_time.';
  end if;
  v_board.is_maximum := v_metric.aggregate = 'max';
  -- A streak ends without anything being written: it is looked up.
  v_board.is_kept := p_metric <> 'current_streak'
    and v_board.ends_on > (select s.kept_from from learn_internal.board_state s);
  return v_board;
end;
$$;
comment on function learn_internal.find_board(text, text, date) is
  'The board of a metric for the period in which a day lies. LX001: there is none.';
revoke all on function learn_internal.find_board(text, text, date) from public;

-- functions/leaderboards/close_period.sql

-- Closes the board of a finished period: keeps its standings and pays the XP of period_rewards by rank, once.
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
as $$
declare
  v_today date := (learn.clock() at time zone 'Etc/GMT+12')::date;  -- where the day ends last
  v_board learn_internal.board;
  v_users bigint;
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
    from learn_internal.board_standings(v_board, null, learn_internal.board_changes(v_board)) s
  ) b
  order by b.user_id;
  get diagnostics v_users = row_count;
  update learn.closed_periods c set users = v_users
  where (c.metric, c.period, c.starts_on) = (p_metric, p_period, v_board.starts_on);

  perform learn_internal.write_facts(array_agg((
      s.user_id, 'xp_awarded', null, null,
      jsonb_build_object('source_type', 'leaderboard',
        'source_id', format('%s %s %s', p_metric, p_period,
          to_char(v_board.starts_on, 'YYYY-MM-DD')),
        'description', format('Rank %s', s.rank)),
      s.xp_paid, learn.clock())::learn_internal.fact order by s.rank, s.user_id))
  from learn.period_standings s
  where s.metric = p_metric and s.period = p_period and s.starts_on = v_board.starts_on
    and s.xp_paid > 0;
  return v_users;
end;
$$;
comment on function learn.close_period(text, text, date) is
  'Keeps the standings of a finished day, week or month and pays its rewards by rank, once; returns the '
  'number of users on the board. Null p_on: the last one.';
revoke all on function learn.close_period(text, text, date) from public;
grant execute on function learn.close_period(text, text, date) to learn_app;

-- functions/leaderboards/split_fence.sql

-- Splits a crowded stretch of a board into stretches of about 1,000 users. Users of one value stay
-- together, at the floor of a stretch: a rank never counts those.
-- The caller holds the lock of the fold, and board_scores and board_fences agree.
create or replace function learn_internal.split_fence(
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
    select min(f.floor) from learn_internal.board_fences f
    where f.metric = p_metric and f.period = p_period and f.starts_on = p_starts_on
      and f.floor > p_floor), 9223372036854775807);
begin
  insert into learn_internal.board_fences as f (metric, period, starts_on, floor, users, split_at)
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
comment on function learn_internal.split_fence(text, text, date, bigint) is
  'Splits a crowded stretch of a board.';
revoke all on function learn_internal.split_fence(text, text, date, bigint) from public;

-- functions/leaderboards/divide_board.sql

-- Divides a board into stretches anew, by which ranks are counted. The caller holds the lock of the fold.
create or replace function learn_internal.divide_board(
  p_metric text, p_period text, p_starts_on date
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from learn_internal.board_fences f
  where f.metric = p_metric and f.period = p_period and f.starts_on = p_starts_on;
  perform learn_internal.split_fence(p_metric, p_period, p_starts_on, 1);
end;
$$;
comment on function learn_internal.divide_board(text, text, date) is
  'Divides a board into stretches anew, by which ranks are counted.';
revoke all on function learn_internal.divide_board(text, text, date) from public;

-- views/leaderboards/board_recounts.sql

-- The boards recounted from the facts: what board_scores must say once everything is folded.
-- Filter by user_id: it reaches the tables.
create or replace view learn_internal.board_recounts as
select f.user_id, f.metric, p.period, p.starts_on,
  (case when bool_or(f.is_maximum) then max(f.amount) else sum(f.amount) end)::bigint as value
from learn_internal.board_facts f
cross join lateral (
  values
    ('day', f.local_date, f.local_date + 1),
    ('week', date_trunc('week', f.local_date::timestamp)::date,
      date_trunc('week', f.local_date::timestamp)::date + 7),
    ('month', date_trunc('month', f.local_date::timestamp)::date,
      (date_trunc('month', f.local_date::timestamp) + interval '1 month')::date)
) p(period, starts_on, ends_on)
where f.amount is not null
  and p.ends_on > (select s.kept_from from learn_internal.board_state s)
group by f.user_id, f.metric, p.period, p.starts_on
union all
select t.user_id, t.metric, 'all_time', '-infinity'::date, t.value
from learn_internal.board_totals t;
comment on view learn_internal.board_recounts is
  'The boards that board_scores keeps, recounted from the facts, whether users want to be seen or not.';

-- functions/leaderboards/fold_recounts.sql

-- The part of a fold that recounts users from the facts, and takes those off who are no longer to be seen.
-- Its caller holds the lock. Returns how many gains and marks of theirs that settles.
create or replace function learn_internal.fold_recounts(p_user_ids uuid[])
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
    delete from learn_internal.board_gains g where g.user_id = any (p_user_ids) returning g.user_id
  ), wanted as (
    select r.user_id, r.metric, r.period, r.starts_on, r.value, lower(u.username) as name
    from learn_internal.board_recounts r
    join learn.users u on u.id = r.user_id and u.is_active and u.show_on_leaderboard
    where r.user_id = any (p_user_ids) and r.value <> 0
  ), gone as (
    delete from learn_internal.board_scores s
    where s.user_id = any (p_user_ids) and not exists (
      select from wanted w
      where (w.user_id, w.metric, w.period, w.starts_on)
        = (s.user_id, s.metric, s.period, s.starts_on))
  ), saved as (
    insert into learn_internal.board_scores as s
      (user_id, metric, period, starts_on, value, name)
    select w.* from wanted w
    order by w.user_id, w.metric, w.period, w.starts_on
    on conflict (user_id, metric, period, starts_on) do update
      set value = excluded.value, name = excluded.name
      where (s.value, s.name) <> (excluded.value, excluded.name)
  )
  select count(*) into v_count from taken;
  return v_count;
end;
$$;
comment on function learn_internal.fold_recounts(uuid[]) is
  'The part of a fold that recounts users from the facts; returns how many gains that settles.';
revoke all on function learn_internal.fold_recounts(uuid[]) from public;

-- functions/leaderboards/fold_boards.sql

-- Folds what users have gained into the boards: adds it up, recounts those who are marked, takes those
-- off who are no longer to be seen. What each statement takes from board_gains it has put into
-- board_scores, so that every snapshot sees a gain in one of them.
-- The caller holds the lock of the fold: see try_fold_boards(). Returns how many gains there were.
create or replace function learn_internal.fold_boards()
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_kept_from date;
  v_marked    uuid[] := array(
    select distinct g.user_id from learn_internal.board_gains g where g.metric = '');
  v_count     bigint;
  v_marks     bigint := 0;
begin
  select s.kept_from into v_kept_from from learn_internal.board_state s;

  if v_marked <> '{}' then
    v_marks := learn_internal.fold_recounts(v_marked);
  end if;

  with taken as (
    delete from learn_internal.board_gains g
    where g.metric <> '' and not exists (  -- marked in this moment: for the next time
      select from learn_internal.board_gains k where k.metric = '' and k.user_id = g.user_id)
    returning g.user_id, g.metric, g.local_date, g.amount
  ), gained as (
    select t.user_id, t.metric, p.period, p.starts_on, m.aggregate = 'max' as is_maximum,
      (case when m.aggregate = 'max' then max(t.amount) else sum(t.amount) end)::bigint as amount
    from taken t
    join learn.metrics m on m.key = t.metric and m.is_board
    cross join lateral (
      values
        ('day', t.local_date, t.local_date + 1),
        ('week', date_trunc('week', t.local_date::timestamp)::date,
          date_trunc('week', t.local_date::timestamp)::date + 7),
        ('month', date_trunc('month', t.local_date::timestamp)::date,
          (date_trunc('month', t.local_date::timestamp) + interval '1 month')::date),
        ('all_time', '-infinity'::date, 'infinity'::date)
    ) p(period, starts_on, ends_on)
    where p.ends_on > v_kept_from and (p.period = 'all_time' or t.local_date > '-infinity')
    group by t.user_id, t.metric, p.period, p.starts_on, m.aggregate
  ), placed as (
    select g.user_id, g.metric, g.period, g.starts_on, s.row_id,
      case when g.is_maximum then greatest(s.value, g.amount)
        else coalesce(s.value, 0) + g.amount end as value,
      lower(u.username) as name
    from gained g
    left join lateral (
      select b.ctid as row_id, b.value
      from learn_internal.board_scores b
      where b.user_id = g.user_id and b.metric = g.metric and b.period = g.period
        and b.starts_on = g.starts_on
      offset 0
    ) s on true
    left join lateral (
      select l.username
      from learn.users l
      where l.id = g.user_id and s.row_id is null and l.is_active and l.show_on_leaderboard
      offset 0
    ) u on true
  ), moved as (
    update learn_internal.board_scores s set value = p.value
    from placed p
    where s.ctid = p.row_id  -- nobody else writes here: the row stays where it is
  ), come as (
    insert into learn_internal.board_scores (user_id, metric, period, starts_on, value, name)
    select p.user_id, p.metric, p.period, p.starts_on, p.value, p.name
    from placed p
    where p.row_id is null and p.name is not null
    order by p.user_id, p.metric, p.period, p.starts_on
  )
  select count(*) into v_count from taken;

  if v_count + v_marks > 0 then
    update learn_internal.board_state set folded_at = learn.clock();
    perform learn_internal.split_fence(f.metric, f.period, f.starts_on, f.floor)
    from learn_internal.board_fences f
    where f.users >= f.split_at;
  end if;
  return v_count + v_marks;
end;
$$;
comment on function learn_internal.fold_boards() is
  'Folds what users have gained into the boards; returns how many gains there were. Its caller holds '
  'the lock.';
revoke all on function learn_internal.fold_boards() from public;

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
      using errcode = 'LX001', detail = format('cardinality(p_among) = %s', cardinality(p_among)),
        hint = 'Name at most 10,000 users; the board of everybody needs no p_among.';
  end if;
end;
$$;
comment on function learn_internal.require_cohort(uuid[]) is
  'Refuses a cohort of more than 10,000 users (LX001).';
revoke all on function learn_internal.require_cohort(uuid[]) from public;

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
  v_changes learn_internal.board_change[];
begin
  if p_limit is null or p_limit not between 0 and 1000 or p_offset is null or p_offset < 0 then
    raise exception 'the page is out of range'
      using errcode = 'LX001', detail = format('p_limit = %s, p_offset = %s',
          coalesce(p_limit::text, 'null'), coalesce(p_offset::text, 'null')),
        hint = 'A page has 0 to 1000 rows; the offset is 0 or more.';
  end if;
  perform learn_internal.require_cohort(p_among);
  v_changes := learn_internal.board_changes(v_board);

  if p_among is not null or not v_board.is_kept then
    return query
    select r.rank, r.user_id, u.username, u.display_name, r.value
    from (
      select rank() over (order by b.value desc) as rank, b.user_id, b.value
      from learn_internal.board_standings(v_board, p_among, v_changes) b
    ) r
    join learn.users u on u.id = r.user_id
    order by r.rank, lower(u.username)
    limit p_limit offset p_offset;
    return;
  end if;

  return query
  select r.rank, r.user_id, u.username, u.display_name, r.value
  from (
    select rank() over (order by b.value desc) as rank, b.*
    from (
      -- the head of the board in order, up to the end of the page, without those who have moved
      (
        select s.user_id, s.name, s.value
        from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0
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
revoke all on function learn.leaderboard(text, text, integer, integer, date, uuid[]) from public;
grant execute on function learn.leaderboard(text, text, integer, integer, date, uuid[])
  to learn_app, learn_readonly;

-- functions/leaderboards/leaderboard_around.sql

-- The rows of a board around a user, also among some users only: up to p_span before and after; none when the
-- user is not on it.
-- Errors: LX001 no such board, a span out of range, or too many users in p_among; LX002 unknown user.
create or replace function learn.leaderboard_around(
  p_user_id uuid, p_period text, p_metric text, p_span integer default 5, p_among uuid[] default null
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
    p_period, p_metric, (learn.clock() at time zone 'UTC')::date);
  v_changes learn_internal.board_change[];
  v_value   bigint;
  v_name    text;
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
  perform learn_internal.require_cohort(p_among);
  v_changes := learn_internal.board_changes(v_board);

  if p_among is not null or not v_board.is_kept then
    return query
    with board as materialized (
      select rank() over (order by b.value desc) as rank, b.user_id, u.username, u.display_name,
        b.value, row_number() over (order by b.value desc, lower(u.username)) as place
      from learn_internal.board_standings(v_board, p_among, v_changes) b
      join learn.users u on u.id = b.user_id
    )
    select b.rank, b.user_id, b.username, b.display_name, b.value
    from board b
    join board me on me.user_id = p_user_id
    where b.place between me.place - p_span and me.place + p_span
    order by b.place;
    return;
  end if;

  select m.value, m.name into v_value, v_name
  from (
    select c.new_value as value, c.name
    from unnest(v_changes) c
    where c.user_id = p_user_id
    union all
    select s.value, s.name
    from learn_internal.board_scores s
    where s.user_id = p_user_id and s.metric = v_board.metric
      and s.period = v_board.period and s.starts_on = v_board.starts_on
      and s.user_id not in (select c.user_id from unnest(v_changes) c)
  ) m;
  if v_value is null or v_value <= 0 then
    return;
  end if;

  return query
  with kept as (  -- the neighbours in the order of the board, by index in both directions
    select n.*
    from (
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0
          and s.value = v_value and s.name < v_name
          and s.user_id not in (select c.user_id from unnest(v_changes) c)
        order by s.value, s.name desc
        limit p_span
      )
      union all
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0
          and s.value > v_value
          and s.user_id not in (select c.user_id from unnest(v_changes) c)
        order by s.value, s.name desc
        limit p_span
      )
      union all
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0
          and s.value = v_value and s.name >= v_name
          and s.user_id not in (select c.user_id from unnest(v_changes) c)
        order by s.value desc, s.name
        limit p_span + 1
      )
      union all
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0
          and s.value < v_value
          and s.user_id not in (select c.user_id from unnest(v_changes) c)
        order by s.value desc, s.name
        limit p_span + 1
      )
    ) n
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
  select f.rank + n.local_rank - f.local_rank, n.user_id, u.username, u.display_name, n.value
  from near n
  cross join lateral (
    select * from firsts x where x.value >= n.value order by x.value limit 1
  ) f
  join lateral (select * from learn.users l where l.id = n.user_id offset 0) u on true
  order by n.place;
end;
$$;
comment on function learn.leaderboard_around(uuid, text, text, integer, uuid[]) is
  'The rows of a board of today around a user, or of the same board among some users, up to p_span '
  'before and after.';
revoke all on function learn.leaderboard_around(uuid, text, text, integer, uuid[]) from public;
grant execute on function learn.leaderboard_around(uuid, text, text, integer, uuid[])
  to learn_app, learn_readonly;

-- functions/leaderboards/move_fences.sql

-- Counts users, or takes them away, in the stretches of boards where their values lie.
create or replace function learn_internal.move_fences(p_steps learn_internal.board_step[])
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
  insert into learn_internal.board_fences as f (metric, period, starts_on, floor, users, split_at)
  select w.metric, w.period, w.starts_on, w.floor, sum(w.users), 0
  from (
    -- floors and steps in one order: the last floor before a step is its own
    select v.metric, v.period, v.starts_on, v.users, max(v.floor) over (
      partition by v.metric, v.period, v.starts_on order by v.value, v.users nulls first
      rows unbounded preceding) as floor
    from (
      select b.metric, b.period, b.starts_on, b.floor as value, b.floor, null::bigint as users
      from (
        select distinct s.metric, s.period, s.starts_on from unnest(p_steps) s
      ) t
      join learn_internal.board_fences b
        on b.metric = t.metric and b.period = t.period and b.starts_on = t.starts_on
      union all
      select s.metric, s.period, s.starts_on, s.value, null, s.users from unnest(p_steps) s
    ) v
  ) w
  group by w.metric, w.period, w.starts_on, w.floor
  having sum(w.users) <> 0
  -- the rows are there: this finds each by its key
  on conflict (metric, period, starts_on, floor) do update set users = f.users + excluded.users;
end;
$$;
comment on function learn_internal.move_fences(learn_internal.board_step[]) is
  'Counts users, or takes them away, in the stretches of boards where their values lie.';
revoke all on function learn_internal.move_fences(learn_internal.board_step[]) from public;

-- functions/leaderboards/try_fold_boards.sql

-- Folds the boards unless somebody else is at it. Nobody ever waits for it: a learner whose call comes to
-- fold does what others leave to it. A snapshot of an older moment cannot fold.
create or replace function learn_internal.try_fold_boards()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') = 'read committed' and pg_try_advisory_xact_lock(
    'learn_internal.board_state'::regclass::oid::bigint)
  then
    perform learn_internal.fold_boards();
  end if;
end;
$$;
comment on function learn_internal.try_fold_boards() is
  'Folds the boards unless somebody else is at it.';
revoke all on function learn_internal.try_fold_boards() from public;

-- functions/leaderboards/recount_boards.sql

-- Has the boards of users recounted from the facts: at once for who reads them, and by the next fold.
create or replace function learn_internal.recount_boards(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.board_gains (user_id, metric, local_date)
  select distinct u.id, '', '-infinity'::date from unnest(p_user_ids) u(id);
  perform learn_internal.try_fold_boards();
end;
$$;
comment on function learn_internal.recount_boards(uuid[]) is
  'Has the boards of users recounted from the facts.';
revoke all on function learn_internal.recount_boards(uuid[]) from public;

-- functions/leaderboards/refresh_leaderboard.sql

-- Folds all that users have gained into the boards, drops the boards of periods that are over for longer
-- than leaderboard_days_kept, and evens out what ranks are counted by. Boards are right without it; it
-- keeps them fast. Readers and learners never wait for it; a second run waits for the first. Returns
-- how many gains it folded.
create or replace function learn.refresh_leaderboard()
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_kept_from date := (learn.clock() at time zone 'UTC')::date
    - learn_internal.setting_number('leaderboard_days_kept')::integer;
  v_count     bigint;
begin
  perform pg_advisory_xact_lock('learn_internal.board_state'::regclass::oid::bigint);
  v_count := learn_internal.fold_boards();

  update learn_internal.board_state s set kept_from = v_kept_from where s.kept_from < v_kept_from;
  if found then
    delete from learn_internal.board_scores s
    where s.period <> 'all_time' and (s.starts_on + case s.period
      when 'day' then interval '1 day' when 'week' then interval '7 days'
      else interval '1 month' end)::date <= v_kept_from;
    delete from learn_internal.board_fences f
    where f.period <> 'all_time' and (f.starts_on + case f.period
      when 'day' then interval '1 day' when 'week' then interval '7 days'
      else interval '1 month' end)::date <= v_kept_from;
  end if;

  -- Where users have moved on, stretches are left that are nearly empty: those boards are divided anew.
  perform learn_internal.divide_board(b.metric, b.period, b.starts_on)
  from (
    select f.metric, f.period, f.starts_on
    from learn_internal.board_fences f
    group by f.metric, f.period, f.starts_on
    having count(*) > 4 + 4 * sum(f.users) / 1000
  ) b;
  return v_count;
end;
$$;
comment on function learn.refresh_leaderboard() is
  'Folds what users have gained into the boards, which keeps them fast; returns how many gains. '
  'Call it every minute or so.';
revoke all on function learn.refresh_leaderboard() from public;
grant execute on function learn.refresh_leaderboard() to learn_app;

-- functions/leaderboards/user_rank.sql

-- A user's rank on a board of today, or among some users, exact and live; null for one who is not on it.
-- Errors: LX001 no such board, or too many users in p_among; LX002 unknown user.
create or replace function learn.user_rank(
  p_user_id uuid,
  p_period  text default 'all_time',
  p_metric  text default 'xp',
  p_among   uuid[] default null
)
returns bigint
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_board   learn_internal.board := learn_internal.find_board(
    p_period, p_metric, (learn.clock() at time zone 'UTC')::date);
  v_changes learn_internal.board_change[];
  v_value   bigint;
  v_rank    bigint;
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  perform learn_internal.require_cohort(p_among);
  v_changes := learn_internal.board_changes(v_board);
  if p_among is not null or not v_board.is_kept then
    select r.rank into v_rank
    from (
      select b.user_id, rank() over (order by b.value desc) as rank
      from learn_internal.board_standings(v_board, p_among, v_changes) b
    ) r
    where r.user_id = p_user_id;
    return v_rank;
  end if;

  select coalesce(
    (select c.new_value from unnest(v_changes) c where c.user_id = p_user_id),
    (
      select s.value from learn_internal.board_scores s
      where s.user_id = p_user_id and s.metric = v_board.metric
        and s.period = v_board.period and s.starts_on = v_board.starts_on
    )) into v_value;
  if v_value > 0 then
    return learn_internal.board_rank(v_board, v_value, v_changes);
  end if;
  return null;
end;
$$;
comment on function learn.user_rank(uuid, text, text, uuid[]) is
  'A user''s rank on a board of today, or among some users, exact and live; null: not on it.';
revoke all on function learn.user_rank(uuid, text, text, uuid[]) from public;
grant execute on function learn.user_rank(uuid, text, text, uuid[]) to learn_app, learn_readonly;

-- views/leaderboards/board_values.sql

-- What boards say of each user: the last fold and what was gained since. Users who are to be recounted are
-- not here.
create or replace view learn_internal.board_values as
select v.user_id, v.metric, v.period, v.starts_on,
  (case when bool_or(m.aggregate = 'max') then max(v.value) else sum(v.value) end)::bigint as value
from (
  select s.user_id, s.metric, s.period, s.starts_on, s.value
  from learn_internal.board_scores s
  union all
  select g.user_id, g.metric, p.period, p.starts_on, g.amount
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
where not exists (
  select from learn_internal.board_gains k where k.metric = '' and k.user_id = v.user_id)
group by v.user_id, v.metric, v.period, v.starts_on;
comment on view learn_internal.board_values is
  'What boards say of each user: the last fold and what was gained since.';

-- views/leaderboards/board_damage.sql

-- Where boards are not what the facts say: the part of check_integrity() about leaderboards.
create or replace view learn_internal.board_damage as
select 'boards_follow_from_facts' as check_name, coalesce(r.user_id, b.user_id) as user_id,
  format('%s %s %s: %s', coalesce(r.metric, b.metric), coalesce(r.period, b.period),
    coalesce(r.starts_on, b.starts_on), coalesce(r.value, 0)) as expected,
  coalesce(b.value, 0)::text as actual
from (
  select c.*
  from learn_internal.board_recounts c
  join learn.users u on u.id = c.user_id and u.is_active and u.show_on_leaderboard
  where not exists (
    select from learn_internal.board_gains k where k.metric = '' and k.user_id = c.user_id)
) r
full join (
  select v.*
  from learn_internal.board_values v
  where v.period = 'all_time' or (v.starts_on + case v.period
      when 'day' then interval '1 day' when 'week' then interval '7 days'
      else interval '1 month' end)::date
    > (select s.kept_from from learn_internal.board_state s)
) b on b.user_id = r.user_id and b.metric = r.metric and b.period = r.period
  and b.starts_on = r.starts_on
where coalesce(r.value, 0) <> coalesce(b.value, 0)
union all
select 'stretches_of_boards_are_counted', null::uuid,
  format('%s %s %s from %s: %s', f.metric, f.period, f.starts_on, f.floor, c.users), f.users::text
from (
  select w.*, lead(w.floor, 1, 9223372036854775807)
    over (partition by w.metric, w.period, w.starts_on order by w.floor) as until
  from learn_internal.board_fences w
) f
cross join lateral (
  select count(*) as users
  from learn_internal.board_scores s
  where s.metric = f.metric and s.period = f.period and s.starts_on = f.starts_on
    and s.value > 0 and s.value >= f.floor and s.value < f.until
) c
where f.users <> c.users;
comment on view learn_internal.board_damage is
  'Where boards are not what the facts say; no row when all is well.';

-- functions/operations/check_integrity.sql

-- Recomputes every projection from facts, set-based, and compares. No row when all is well.
-- Reads only.
create or replace function learn.check_integrity()
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql                  -- keeps its plan, which takes longer to make than to run
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  -- identity
  select 'user_has_stats', u.id, 'a row in user_stats', 'none'
  from learn.users u
  where not exists (select from learn.user_stats s where s.user_id = u.id)

  -- xp
  union all
  select 'total_xp_is_the_ledger_sum', s.user_id, x.total_xp::text, s.total_xp::text
  from learn.user_stats s
  join learn_internal.xp_recounts x on x.user_id = s.user_id
  where s.total_xp <> x.total_xp
  union all
  select 'level_follows_the_curve', s.user_id,
    learn.calculate_level_from_xp(s.total_xp)::text, s.current_level::text
  from learn.user_stats s
  where s.current_level <> learn.calculate_level_from_xp(s.total_xp)
  union all
  select 'levels_are_announced', s.user_id, x.highest_level::text, s.highest_level::text
  from learn.user_stats s
  join learn_internal.xp_recounts x on x.user_id = s.user_id
  where s.highest_level <> x.highest_level
  union all
  select 'facts_are_paid', coalesce(f.user_id, t.user_id),
    format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(f.xp, 0)),
    format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(t.xp, 0))
  from (
    select l.user_id, l.activity_type, sum(l.xp) as xp
    from learn.activity_log l
    where l.activity_type in (
      'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked')
    group by l.user_id, l.activity_type
  ) f
  full join (
    select t.user_id, t.activity_type, sum(t.amount) as xp
    from learn.xp_transactions t
    where t.activity_type in (
      'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked')
    group by t.user_id, t.activity_type
  ) t on t.user_id = f.user_id and t.activity_type = f.activity_type
  where coalesce(f.xp, 0) <> coalesce(t.xp, 0)

  -- streaks
  union all
  select 'active_days_follow_from_facts', coalesce(r.user_id, d.user_id),
    case when r.user_id is null then 'no ' || d.activity_date
      else format('%s freeze=%s', r.activity_date, r.is_freeze) end,
    case when d.user_id is null then 'no ' || r.activity_date
      else format('%s freeze=%s', d.activity_date, d.is_freeze) end
  from learn_internal.activity_day_recounts r
  full join learn.user_activity_days d
    on d.user_id = r.user_id and d.activity_date = r.activity_date
  where r.is_freeze is distinct from d.is_freeze
  union all
  select 'streak_follows_from_days', s.user_id,
    format('current %s, longest %s, days %s, last %s',
      coalesce(r.current_streak, 0), coalesce(r.longest_streak, 0),
      coalesce(r.active_days, 0), r.last_activity_date),
    format('current %s, longest %s, days %s, last %s',
      s.current_streak, s.longest_streak, s.active_days, s.last_activity_date)
  from learn.user_stats s
  left join learn_internal.streak_states r on r.user_id = s.user_id
  where (s.current_streak, s.longest_streak, s.active_days)
    <> (coalesce(r.current_streak, 0), coalesce(r.longest_streak, 0), coalesce(r.active_days, 0))
    or s.last_activity_date is distinct from r.last_activity_date
  union all
  select 'freezes_held_are_counted', s.user_id, coalesce(z.held, 0)::text, s.streak_freezes::text
  from learn.user_stats s
  left join (
    select f.user_id, count(*) as held from learn.streak_freezes f
    where f.used_on is null group by f.user_id
  ) z on z.user_id = s.user_id
  where s.streak_freezes <> coalesce(z.held, 0)

  -- activity
  union all
  select 'metrics_follow_from_facts', coalesce(r.user_id, m.user_id),
    format('%s %s = %s',
      coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(r.value, 0)),
    format('%s %s = %s',
      coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(m.value, 0))
  from learn_internal.metric_recounts r
  full join learn.user_metrics m
    on m.user_id = r.user_id and m.metric = r.metric and m.scope = r.scope
  where coalesce(r.value, 0) <> coalesce(m.value, 0)

  union all
  select 'metric_days_follow_from_facts', coalesce(r.user_id, d.user_id),
    case when r.user_id is null then 'none'
      else format('%s %s %s', r.metric, r.scope, r.activity_date) end,
    case when d.user_id is null then 'none'
      else format('%s %s %s', d.metric, d.scope, d.activity_date) end
  from learn_internal.metric_day_recounts r
  full join learn_internal.user_metric_days d
    on d.user_id = r.user_id and d.metric = r.metric and d.scope = r.scope
      and d.activity_date = r.activity_date
  where r.user_id is null or d.user_id is null

  -- catalog
  union all
  select 'course_sizes_follow_from_lessons', null::uuid,
    format('course %s: %s lessons, %s levels, weight %s', c.id,
      coalesce(z.total_lessons, 0), coalesce(z.total_levels, 0), coalesce(z.total_weight, 0)),
    format('course %s: %s lessons, %s levels, weight %s', c.id,
      c.total_lessons, c.total_levels, c.total_weight)
  from learn.courses c
  left join learn_internal.course_sizes z on z.course_id = c.id
  where (c.total_lessons, c.total_levels, c.total_weight)
    <> (coalesce(z.total_lessons, 0), coalesce(z.total_levels, 0), coalesce(z.total_weight, 0))
  union all
  select 'lessons_are_available_when_all_is_published', null,
    format('lesson %s: %s', l.id, not l.is_available), format('lesson %s: %s', l.id, l.is_available)
  from learn.lessons l
  left join learn.course_levels v on v.id = l.course_level_id
  left join learn.courses c on c.id = l.course_id
  where l.is_available
    <> (l.is_published and coalesce(v.is_published, true) and coalesce(c.is_published, true))

  -- practice
  union all
  select 'exercise_progress_follows_from_submissions', coalesce(r.user_id, p.user_id),
    format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
      (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)),
    format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
      (p.submissions, p.wrong_submissions, p.failed_submissions, p.is_first_try, p.solved_at))
  from learn_internal.exercise_recounts r
  full join learn.user_exercise_progress p
    on p.user_id = r.user_id and p.exercise_id = r.exercise_id
  where (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)
    is distinct from (p.submissions, p.wrong_submissions,
      p.failed_submissions, p.is_first_try, p.solved_at)

  -- quizzes
  union all
  select 'quizzes_are_facts', a.user_id, format('a fact for quiz %s', a.id), 'none'
  from learn.quiz_attempts a
  left join learn.activity_log f on f.user_id = a.user_id and f.activity_type = 'quiz_completed'
    and f.subject_type = 'quiz' and f.subject_id = a.id::text
  where f.id is null
  union all
  select 'quiz_answers_add_up', a.user_id,
    format('quiz %s: %s of %s', a.id, s.correct, s.answers),
    format('quiz %s: %s of %s', a.id, a.correct_answers, a.total_questions)
  from learn.quiz_attempts a
  join (
    select w.user_id, w.quiz_attempt_id, count(*) as answers,
      count(*) filter (where w.is_correct) as correct
    from learn.user_answers w
    group by w.user_id, w.quiz_attempt_id
  ) s on s.user_id = a.user_id and s.quiz_attempt_id = a.id
  where (s.correct, s.answers) <> (a.correct_answers, a.total_questions)

  -- challenges
  union all
  select 'challenge_progress_follows_from_attempts', coalesce(r.user_id, p.user_id),
    format('challenge %s: %s', coalesce(r.challenge_id, p.challenge_id),
      (coalesce(r.levels_completed, '{}'), coalesce(r.current_level, 0),
        coalesce(r.total_attempts, 0), coalesce(r.time_spent_seconds, 0), r.best_score)),
    format('challenge %s: %s', coalesce(r.challenge_id, p.challenge_id),
      (p.levels_completed, p.current_level, p.total_attempts, p.time_spent_seconds, p.best_score))
  from learn_internal.challenge_recounts r
  full join learn.user_challenge_progress p
    on p.user_id = r.user_id and p.challenge_id = r.challenge_id
  where (coalesce(r.levels_completed, '{}'), coalesce(r.current_level, 0),
      coalesce(r.total_attempts, 0), coalesce(r.time_spent_seconds, 0), r.best_score)
    is distinct from (p.levels_completed, p.current_level, p.total_attempts, p.time_spent_seconds,
      p.best_score)
  union all
  select 'attempted_challenges_are_unlocked', p.user_id,
    format('challenge %s unlocked', p.challenge_id), 'locked'
  from learn.user_challenge_progress p
  where p.unlocked_at is null
  union all
  select 'full_challenges_are_completed', f.user_id,
    format('challenge %s completed', f.challenge_id), 'not completed'
  from learn_internal.full_challenges f
  join learn.user_challenge_progress p on p.user_id = f.user_id and p.challenge_id = f.challenge_id
  where p.completed_at is null
  union all
  select 'passed_levels_are_facts', p.user_id,
    format('a fact for level %s of challenge %s', l, p.challenge_id), 'none'
  from learn.user_challenge_progress p
  cross join lateral unnest(p.levels_completed) l
  left join learn.activity_log f on f.user_id = p.user_id
    and f.activity_type = 'challenge_level_passed' and f.subject_type = 'challenge_level'
    and f.subject_id = p.challenge_id || ':' || l
  where f.id is null
  union all
  select 'imported_progress_is_paid', i.user_id,
    format('challenge %s: at least %s', i.challenge_id, i.total_xp),
    format('challenge %s: %s', i.challenge_id, coalesce(f.xp, 0))
  from learn.imported_challenge_progress i
  left join (
    select l.user_id, l.subject_id, sum(l.xp) as xp
    from learn.activity_log l
    where l.activity_type = 'xp_awarded' and l.subject_type = 'challenge'
      and l.properties ->> 'source_type' = 'import'
    group by l.user_id, l.subject_id
  ) f on f.user_id = i.user_id and f.subject_id = i.challenge_id::text
  where coalesce(f.xp, 0) < i.total_xp

  -- skills
  union all
  select 'skill_levels_follow_from_points', r.user_id,
    format('skill %s: level %s, highest %s', r.skill_id, r.current_level, r.highest_level),
    format('skill %s: level %s, highest %s', u.skill_id, u.current_level, u.highest_level)
  from learn_internal.skill_recounts r
  join learn.user_skills u on u.user_id = r.user_id and u.skill_id = r.skill_id
  where (u.current_level, u.highest_level) <> (r.current_level, r.highest_level)
  union all
  select 'full_skills_are_mastered', r.user_id,
    format('skill %s mastered', r.skill_id), 'not mastered'
  from learn_internal.skill_recounts r
  join learn.user_skills u on u.user_id = r.user_id and u.skill_id = r.skill_id
  where u.mastered_at is null and (r.is_full or r.mastered_at is not null)
  union all
  select 'mastered_skills_are_facts', r.user_id, format('a fact for skill %s', r.skill_id), 'none'
  from learn_internal.skill_recounts r
  join learn.user_skills u on u.user_id = r.user_id and u.skill_id = r.skill_id
  where u.mastered_at is not null and r.mastered_at is null
  union all
  select 'assessments_are_facts', a.user_id, format('a fact for assessment %s', a.id), 'none'
  from learn.assessment_results a
  left join learn.activity_log f on f.user_id = a.user_id
    and f.activity_type = 'assessment_completed' and f.subject_type = 'assessment'
    and f.subject_id = a.id::text
  where f.id is null

  -- progress
  union all
  select 'solved_lessons_are_completed', v.user_id,
    format('lesson %s completed', v.lesson_id), 'not completed'
  from learn_internal.solved_lessons v
  join learn.lessons l on l.id = v.lesson_id
  where not exists (
    select from learn.user_lesson_progress p
    where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null)
    and (l.course_id is null or exists (  -- else when they enrol
      select from learn.user_course_progress p
      where p.user_id = v.user_id and p.course_id = l.course_id))
  union all
  select 'completed_lessons_are_facts', p.user_id,
    format('a fact for lesson %s', p.lesson_id), 'none'
  from learn.user_lesson_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'lesson_completed'
    and f.subject_type = 'lesson' and f.subject_id = p.lesson_id::text
  where p.completed_at is not null and f.id is null
  union all
  select 'enrolments_are_facts', p.user_id,
    format('a fact for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'course_enrolled'
    and f.subject_type = 'course' and f.subject_id = p.course_id::text
  where f.id is null
  union all
  select 'course_progress_follows_from_lessons', p.user_id,
    format('course %s: lessons %s of %s, levels %s of %s, weight %s of %s, %s seconds', p.course_id,
      coalesce(r.lessons_completed, 0), c.total_lessons, coalesce(v.levels_completed, 0),
      c.total_levels, coalesce(r.weight_completed, 0), c.total_weight,
      coalesce(r.time_spent_seconds, 0)),
    format('course %s: lessons %s of %s, levels %s of %s, weight %s of %s, %s seconds', p.course_id,
      p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels,
      p.weight_completed, p.total_weight, p.time_spent_seconds)
  from learn.user_course_progress p
  join learn.courses c on c.id = p.course_id
  left join learn_internal.course_recounts r
    on r.user_id = p.user_id and r.course_id = p.course_id
  left join learn_internal.course_level_recounts v
    on v.user_id = p.user_id and v.course_id = p.course_id
  where (p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels,
      p.weight_completed, p.total_weight, p.time_spent_seconds)
    <> (coalesce(r.lessons_completed, 0), c.total_lessons, coalesce(v.levels_completed, 0),
      c.total_levels, coalesce(r.weight_completed, 0), c.total_weight,
      coalesce(r.time_spent_seconds, 0))
  union all
  select 'full_courses_are_completed', p.user_id,
    format('course %s completed', p.course_id), 'not completed'
  from learn.user_course_progress p
  join learn.courses c on c.id = p.course_id and c.is_published
  where p.completion_percentage = 100 and p.completed_at is null
  union all
  select 'completed_courses_are_facts', p.user_id,
    format('a fact for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'course_completed'
    and f.subject_type = 'course' and f.subject_id = p.course_id::text
  where p.completed_at is not null and f.id is null
  union all
  select 'due_levels_are_unlocked', d.user_id, format('level %s unlocked', d.course_level_id),
    'locked'
  from learn_internal.due_level_unlocks d
  union all
  select 'full_levels_are_completed', r.user_id, format('level %s completed', r.course_level_id),
    'not completed'
  from learn_internal.level_recounts r
  join learn.user_course_progress p on p.user_id = r.user_id and p.course_id = r.course_id
  join learn.user_level_unlocks u
    on u.user_id = r.user_id and u.course_level_id = r.course_level_id
  where u.completed_at is null
  union all
  select 'track_progress_follows_from_items', coalesce(r.user_id, p.user_id),
    format('track %s: %s of %s',
      coalesce(r.track_id, p.track_id), coalesce(r.items_completed, 0), coalesce(z.total_items, 0)),
    format('track %s: %s of %s',
      coalesce(r.track_id, p.track_id), coalesce(p.items_completed, 0), coalesce(p.total_items, 0))
  from learn_internal.track_recounts r
  full join learn.user_track_progress p on p.user_id = r.user_id and p.track_id = r.track_id
  left join learn_internal.track_sizes z on z.track_id = coalesce(r.track_id, p.track_id)
  where coalesce(r.items_completed, 0) <> coalesce(p.items_completed, 0)
    or coalesce(z.total_items, 0) <> coalesce(p.total_items, 0)
  union all
  select 'full_tracks_are_completed', p.user_id,
    format('track %s completed', p.track_id), 'not completed'
  from learn.user_track_progress p
  join learn.tracks t on t.id = p.track_id and t.is_published
  where p.total_items > 0 and p.items_completed = p.total_items and p.completed_at is null
  union all
  select 'path_progress_follows_from_tracks', coalesce(r.user_id, p.user_id),
    format('path %s: %s of %s',
      coalesce(r.path_id, p.path_id), coalesce(r.tracks_completed, 0), coalesce(z.total_tracks, 0)),
    format('path %s: %s of %s',
      coalesce(r.path_id, p.path_id), coalesce(p.tracks_completed, 0), coalesce(p.total_tracks, 0))
  from learn_internal.path_recounts r
  full join learn.user_path_progress p on p.user_id = r.user_id and p.path_id = r.path_id
  left join learn_internal.path_sizes z on z.path_id = coalesce(r.path_id, p.path_id)
  where coalesce(r.tracks_completed, 0) <> coalesce(p.tracks_completed, 0)
    or coalesce(z.total_tracks, 0) <> coalesce(p.total_tracks, 0)
  union all
  select 'full_paths_are_completed', p.user_id,
    format('path %s completed', p.path_id), 'not completed'
  from learn.user_path_progress p
  join learn.learning_paths l on l.id = p.path_id and l.is_published
  where p.total_tracks > 0 and p.tracks_completed = p.total_tracks and p.completed_at is null
  union all
  select 'full_difficulties_are_completed', r.user_id,
    format('difficulty %s completed', r.difficulty), 'not completed'
  from learn_internal.difficulty_recounts r
  where not exists (
    select from learn.user_difficulty_progress p
    where p.user_id = r.user_id and p.difficulty = r.difficulty)

  -- achievements
  union all
  select 'achievements_follow_from_facts', coalesce(r.user_id, u.user_id),
    case when r.user_id is null then 'no achievement ' || u.achievement_id
      else 'achievement ' || r.achievement_id end,
    case when u.user_id is null then 'no achievement ' || r.achievement_id
      else 'achievement ' || u.achievement_id end
  from learn_internal.achievement_recounts r
  full join learn.user_achievements u
    on u.user_id = r.user_id and u.achievement_id = r.achievement_id
  where r.user_id is null or u.user_id is null
  union all
  select 'reached_achievements_are_earned', d.user_id, d.slug, 'not earned'
  from learn_internal.deserved_achievements d
  where (d.is_sole or learn_internal.satisfies_criteria(d.user_id, d.criteria))
    and not learn_internal.was_deserved_before(
      d.user_id, d.metric, d.scope, d.threshold, d.criteria_changed_at)

  -- community
  union all
  select 'discussion_counts_follow_from_rows', d.author_id,
    format('discussion %s: %s', d.id,
      (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)),
    format('discussion %s: %s', d.id,
      (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved))
  from learn.discussions d
  join learn_internal.discussion_recounts c on c.discussion_id = d.id
  where (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved)
    <> (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)
  union all
  select 'reply_counts_follow_from_votes', r.author_id,
    format('reply %s: %s', r.id, (c.upvote_count, c.downvote_count)),
    format('reply %s: %s', r.id, (r.upvote_count, r.downvote_count))
  from learn.replies r
  join learn_internal.reply_recounts c on c.reply_id = r.id
  where (r.upvote_count, r.downvote_count) <> (c.upvote_count, c.downvote_count)
  union all
  select 'posts_are_facts', p.user_id,
    format('%s for %s %s', p.activity_type, p.subject_type, p.subject_id), 'none'
  from learn_internal.post_facts p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = p.activity_type
    and f.subject_type = p.subject_type and f.subject_id = p.subject_id
  where f.id is null

  -- credentials
  union all
  select 'completed_courses_have_certificates', p.user_id,
    format('a certificate for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  where p.completed_at is not null and not exists (
    select from learn.nft_certificates c
    where c.user_id = p.user_id and c.course_id = p.course_id)
  union all
  select 'pending_faucet_requests_have_a_message', r.user_id,
    format('a message for request %s', r.id), 'none'
  from learn.faucet_requests r
  where r.status = 'pending' and not exists (
    select from learn.outbox o
    where o.topic = 'faucet' and o.key = r.user_id || ' ' || r.id)

  -- leaderboards
  union all
  select d.check_name, d.user_id, d.expected, d.actual from learn_internal.board_damage d;
end;
$$;
comment on function learn.check_integrity() is
  'Recomputes every projection from facts and compares; no row when all is well. Reads only.';
revoke all on function learn.check_integrity() from public;

-- functions/operations/rebuild_users.sql

-- Recomputes every projection of users from facts: active days and streaks,
-- XP and levels from the ledger, metrics, progress in exercises, courses, challenges, tracks,
-- paths and difficulties.
-- Nothing is paid, earned or lost: the ledger, the log and what was earned are the facts;
-- an achievement whose row was lost is put back from the log.
create or replace function learn_internal.rebuild_users(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.hold_content();
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  insert into learn.user_stats (user_id)
  select u.id from learn.users u where u.id = any (p_user_ids)
  on conflict do nothing;

  -- Days and streaks
  delete from learn.user_activity_days d where d.user_id = any (p_user_ids);
  insert into learn.user_activity_days (user_id, activity_date, is_freeze)
  select r.user_id, r.activity_date, r.is_freeze
  from learn_internal.activity_day_recounts r
  where r.user_id = any (p_user_ids);

  -- XP, level, streak
  update learn.user_stats s
  set total_xp = x.total_xp,
    current_level = learn.calculate_level_from_xp(x.total_xp),
    highest_level = x.highest_level,
    current_streak = coalesce(d.current_streak, 0),
    longest_streak = coalesce(d.longest_streak, 0),
    active_days = coalesce(d.active_days, 0),
    last_activity_date = d.last_activity_date,
    streak_freezes = (
      select count(*) from learn.streak_freezes z
      where z.user_id = s.user_id and z.used_on is null)
  from (
    select * from learn_internal.xp_recounts r where r.user_id = any (p_user_ids)
  ) x
  left join (
    select * from learn_internal.streak_states t where t.user_id = any (p_user_ids)
  ) d on d.user_id = x.user_id
  where s.user_id = any (p_user_ids) and x.user_id = s.user_id;

  -- Metrics
  delete from learn.user_metrics m where m.user_id = any (p_user_ids);
  insert into learn.user_metrics (user_id, metric, scope, value)
  select r.user_id, r.metric, r.scope, r.value
  from learn_internal.metric_recounts r
  where r.user_id = any (p_user_ids) and r.value <> 0;

  delete from learn_internal.user_metric_days d where d.user_id = any (p_user_ids);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
  select r.user_id, r.metric, r.scope, r.activity_date
  from learn_internal.metric_day_recounts r
  where r.user_id = any (p_user_ids);

  -- Progress
  delete from learn.user_exercise_progress p
  where p.user_id = any (p_user_ids) and not exists (
    select from learn.query_submissions q
    where q.user_id = p.user_id and q.exercise_id = p.exercise_id);
  insert into learn.user_exercise_progress as p
    (user_id, exercise_id, submissions, wrong_submissions,
     failed_submissions, is_first_try, solved_at)
  select r.user_id, r.exercise_id, r.submissions, r.wrong_submissions,
    r.failed_submissions, r.is_first_try, r.solved_at
  from learn_internal.exercise_recounts r
  where r.user_id = any (p_user_ids)
  on conflict (user_id, exercise_id) do update
    set submissions = excluded.submissions, wrong_submissions = excluded.wrong_submissions,
      failed_submissions = excluded.failed_submissions, is_first_try = excluded.is_first_try,
      solved_at = excluded.solved_at;

  update learn.user_skills u
  set current_level = r.current_level,
    highest_level = greatest(r.highest_level, r.current_level),
    mastered_at = coalesce(u.mastered_at, r.mastered_at)
  from learn_internal.skill_recounts r
  where r.user_id = any (p_user_ids) and u.user_id = r.user_id and u.skill_id = r.skill_id
    and (u.current_level, u.highest_level, u.mastered_at) is distinct from (r.current_level,
      greatest(r.highest_level, r.current_level), coalesce(u.mastered_at, r.mastered_at));

  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select r.user_id, r.achievement_id, r.earned_at, '{"is_restored": true}'
  from learn_internal.achievement_recounts r
  where r.user_id = any (p_user_ids)
  on conflict do nothing;

  -- What was completed stays completed: the facts say so, and are not written again.
  insert into learn.user_level_unlocks as p (user_id, course_level_id, unlocked_at, completed_at)
  select c.user_id, v.id, c.completed_at, c.completed_at
  from learn_internal.completion_facts c
  join learn.course_levels v on c.activity_type = 'level_completed' and v.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, course_level_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  update learn.user_course_progress p
  set completed_at = c.completed_at
  from learn_internal.completion_facts c
  where c.user_id = any (p_user_ids) and c.activity_type = 'course_completed'
    and p.user_id = c.user_id and p.course_id::text = c.subject_id and p.completed_at is null;
  insert into learn.user_track_progress as p (user_id, track_id, total_items, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.tracks t on c.activity_type = 'track_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, track_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_path_progress as p (user_id, path_id, total_tracks, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.learning_paths t on c.activity_type = 'path_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, path_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
  select c.user_id, t.key, c.completed_at
  from learn_internal.completion_facts c
  join learn.difficulties t on c.activity_type = 'difficulty_completed' and t.key = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict do nothing;

  insert into learn.user_challenge_progress as p
    (user_id, challenge_id, current_level, levels_completed, unlocked_at, started_at, total_attempts,
     time_spent_seconds, best_score)
  select r.user_id, r.challenge_id, r.current_level, coalesce(r.levels_completed, '{}'),
    r.unlocked_at, r.started_at, r.total_attempts, r.time_spent_seconds, r.best_score
  from learn_internal.challenge_recounts r
  where r.user_id = any (p_user_ids)
  on conflict (user_id, challenge_id) do update
    set current_level = excluded.current_level, levels_completed = excluded.levels_completed,
      unlocked_at = coalesce(p.unlocked_at, excluded.unlocked_at),
      started_at = excluded.started_at, total_attempts = excluded.total_attempts,
      time_spent_seconds = excluded.time_spent_seconds, best_score = excluded.best_score;
  update learn.user_challenge_progress p
  set current_level = 0, levels_completed = '{}', started_at = null, total_attempts = 0,
    time_spent_seconds = 0, best_score = null
  where p.user_id = any (p_user_ids) and not exists (
    select from learn.level_attempts a
    where a.user_id = p.user_id and a.challenge_id = p.challenge_id)
    and not exists (
    select from learn.imported_challenge_progress i
    where i.user_id = p.user_id and i.challenge_id = p.challenge_id);
  update learn.user_challenge_progress p
  set completed_at = c.completed_at
  from learn_internal.completion_facts c
  where c.user_id = any (p_user_ids) and c.activity_type = 'challenge_completed'
    and p.user_id = c.user_id and p.challenge_id::text = c.subject_id and p.completed_at is null;

  perform learn_internal.settle_courses(p_user_ids, (select array_agg(c.id) from learn.courses c));
  perform learn_internal.recount_tracks(p_user_ids, (select array_agg(t.id) from learn.tracks t));
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_paths(
    p_user_ids, (select array_agg(p.id) from learn.learning_paths p)) f;
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_difficulties(
    p_user_ids, (select array_agg(d.key) from learn.difficulties d)) f;

  -- Community
  perform learn_internal.recount_posts(p_user_ids);

  -- Certificates that are missing; those that are there stay as they were issued.
  perform learn_internal.issue_certificates(
    array_agg(p.user_id), array_agg(p.course_id), array_agg(p.completed_at))
  from learn.user_course_progress p
  where p.user_id = any (p_user_ids) and p.completed_at is not null;

  perform learn_internal.recount_boards(p_user_ids);
end;
$$;
comment on function learn_internal.rebuild_users(uuid[]) is
  'Recomputes every projection of users from facts.';
revoke all on function learn_internal.rebuild_users(uuid[]) from public;

-- functions/operations/rebuild_all.sql

-- Recomputes the projections of all users, set-based. Locks everybody's stats row until
-- the transaction ends. Returns the number of users.
create or replace function learn.rebuild_all()
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
begin
  select coalesce(array_agg(u.id order by u.id), '{}') into v_user_ids from learn.users u;
  perform learn_internal.rebuild_users(v_user_ids);
  if pg_try_advisory_xact_lock('learn_internal.board_state'::regclass::oid::bigint) then
    perform learn_internal.divide_board(b.metric, b.period, b.starts_on)
    from (
      select distinct f.metric, f.period, f.starts_on from learn_internal.board_fences f
    ) b;
  end if;
  return cardinality(v_user_ids);
end;
$$;
comment on function learn.rebuild_all() is
  'Recomputes the projections of all users; returns how many.';
revoke all on function learn.rebuild_all() from public;

-- triggers/activity/process_activities.sql

-- When facts are written: the engine. Everything that a fact causes happens here, in this order,
-- for one fact or for a million: lock, streak, XP and level, metrics, achievements.
-- Earned achievements and new levels are facts too: they are written to the log and come through
-- here again, until nothing is new.
--
-- Costs do not depend on a user's history: counters are incremented, thresholds found by index.
-- Statements are small and the rare ones conditional, because for a single fact preparing a plan
-- to run costs more than running it.
-- Errors: LX001 a fact of an unknown activity type, or one that is malformed.
create or replace function learn_internal.process_activities()
returns trigger
language plpgsql
volatile
security definer                  -- a writer of facts need not be a writer of rewards
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  v_gains         learn_internal.gain[];  -- per user: the XP of these facts
  v_user_ids      uuid[];              -- the same users; where it is needed
  -- what some of these facts cause, so that the rest is left out:
  v_causes        integer;             -- bits, see below
  v_is_capped     boolean := false;
  v_feeds_days    boolean := false;
  v_resets_runs   boolean := false;
  v_notifies      boolean := false;
  v_unknown       text;
  v_is_malformed  boolean;
  v_capped        jsonb;               -- what facts within a cap for the day pay, by their ids
  v_level         integer[];           -- per user, before these facts
  v_streak        integer[];
  v_active_days   integer[];
  v_day_user_ids  uuid[];
  v_days          date[];
  v_is_new_level  boolean;
  v_won           learn_internal.win[];  -- thresholds crossed
  v_earned_at     jsonb;               -- by user: when the latest of these facts occurred
begin
  -- Content is held as hold_content() does it, without the price of a call.
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;

  -- 1. Lock the users' stats rows in key order, before anything else of theirs is read.
  -- The same statement tells what there is to do, from these rows and from what types can cause:
  -- 1 XP, 2 metrics, 4 what is rare (see below), 8 another day than the last active one,
  -- 16 a total of XP that means a level or an achievement, or a level that an easier curve has given
  -- and that is yet to be announced, 32 boards. Bits, since each aggregate has its price.
  select array_agg((f.user_id, f.xp)::learn_internal.gain), bit_or(f.causes
    | case when f.first_day < f.last_day or f.last_day <> f.last_activity_date
        or f.last_activity_date is null and f.last_day is not null then 8 else 0 end
    | case when f.xp <> 0 and (f.current_level > f.highest_level or exists (
        select from learn_internal.xp_marks m
        where m.xp > least(f.total_xp, f.total_xp + f.xp)
          and m.xp <= greatest(f.total_xp, f.total_xp + f.xp))) then 16 else 0 end)
  into v_gains, v_causes
  from (
    select c.*, s.total_xp, s.current_level, s.highest_level, s.last_activity_date
    from (
      select n.user_id, sum(coalesce(n.xp, t.pays)) as xp,
        min(n.local_date) filter (where n.is_qualifying) as first_day,
        max(n.local_date) filter (where n.is_qualifying) as last_day,
        bit_or(case when coalesce(n.xp, t.pays) <> 0 then 1 else 0 end
          | case when t.feeds_metrics then 2 else 0 end
          | case when t.feeds_boards then 32 else 0 end
          | case when t.key is null or t.is_capped or t.feeds_days or t.resets_runs or t.notifies
              or jsonb_typeof(n.properties) <> 'object'
              or (n.subject_type is null) <> (n.subject_id is null) then 4 else 0 end) as causes
      from new_facts n
      left join learn.activity_types t on t.key = n.activity_type
      group by n.user_id
    ) c
    join learn.user_stats s on s.user_id = c.user_id
    order by c.user_id
    for no key update of s
  ) f;
  if v_gains is null then
    -- statement triggers fire for zero rows too: without this they would call each other for ever
    return null;
  end if;
  if v_causes & 4 <> 0 then
    select bool_or(t.is_capped), bool_or(t.feeds_days), bool_or(t.resets_runs), bool_or(t.notifies),
      string_agg(distinct n.activity_type, ', ') filter (where t.key is null),
      bool_or(jsonb_typeof(n.properties) <> 'object'
        or (n.subject_type is null) <> (n.subject_id is null))
    into v_is_capped, v_feeds_days, v_resets_runs, v_notifies, v_unknown, v_is_malformed
    from new_facts n
    left join learn.activity_types t on t.key = n.activity_type;
    if v_unknown is not null then
      raise exception 'unknown activity type'
        using errcode = 'LX001', detail = v_unknown,
          hint = 'Add it to learn.activity_types first.';
    elsif v_is_malformed then
      raise exception 'a fact is malformed'
        using errcode = 'LX001', detail = (
          select format('properties = %s, subject_type = %L, subject_id = %L',
            n.properties, n.subject_type, n.subject_id)
          from new_facts n
          where jsonb_typeof(n.properties) <> 'object'
            or (n.subject_type is null) <> (n.subject_id is null)
          limit 1),
          hint = 'Properties are a JSON object; a subject has both a type and an id.';
    end if;
  end if;

  if v_causes & 28 <> 0 then
    v_user_ids := array(select g.user_id from unnest(v_gains) g order by g.user_id);
  end if;

  -- 2. Local active days move the streak.
  if v_causes & 8 <> 0 then
    select array_agg(d.user_id order by d.first_id), array_agg(d.local_date order by d.first_id)
    into v_day_user_ids, v_days
    from (
      select n.user_id, n.local_date, min(n.id) as first_id
      from new_facts n
      where n.is_qualifying
      group by n.user_id, n.local_date
    ) d
    where not exists (
      select from learn.user_activity_days a
      where a.user_id = d.user_id and a.activity_date = d.local_date and not a.is_freeze);
    if v_days is not null then
      select array_agg(s.longest_streak), array_agg(s.active_days) into v_streak, v_active_days
      from (
        select * from learn.user_stats l where l.user_id = any (v_user_ids) order by l.user_id
      ) s;
      perform learn_internal.advance_streaks(v_day_user_ids, v_days, learn.clock());
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select d.user_id, 'active_days', d.local_date, 1
      from unnest(v_day_user_ids, v_days) d(user_id, local_date)
      where exists (select from learn.metrics m where m.key = 'active_days' and m.is_board);
    end if;
  end if;

  -- 3. XP into the ledger: what the fact carries, else what the rule pays.
  if v_is_capped then
    -- Within a cap: less what the same type has paid this user for the same day,
    -- in the ledger and before in this statement. Ledger rows of a day are never older than it,
    -- which leaves older partitions and rows alone.
    select jsonb_object_agg(c.id, greatest(0, least(c.amount, c.daily_cap - c.earlier - c.before)))
    into v_capped
    from (
      select n.id, coalesce(n.xp, r.amount) as amount, r.daily_cap,
        sum(coalesce(n.xp, r.amount)) over (
          partition by n.user_id, n.activity_type, n.local_date
          order by n.id) - coalesce(n.xp, r.amount) as earlier,
        (
          select coalesce(sum(t.amount), 0)
          from learn.xp_transactions t
          where t.user_id = n.user_id and t.earned_on = n.local_date
            and t.activity_type = n.activity_type
            and t.amount > 0 and t.created_at >= n.local_date - interval '2 days'
        ) as before
      from new_facts n
      join learn.xp_rules r on r.activity_type = n.activity_type
      where r.daily_cap is not null and coalesce(n.xp, r.amount) > 0
    ) c;
    select array_agg((p.user_id, p.xp)::learn_internal.gain), v_causes | 16 into v_gains, v_causes
    from (
      select n.user_id,
        sum(coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays))::bigint as xp
      from new_facts n
      join learn.activity_types t on t.key = n.activity_type
      group by n.user_id
    ) p
    where p.user_id = any (v_user_ids);
  end if;

  if v_causes & 1 <> 0 then
    with paid as (
      insert into learn.xp_transactions
        (user_id, amount, activity_type, source_type, source_id, description, earned_on, created_at)
      select p.user_id, p.amount, p.activity_type,
        case when p.is_told then p.properties ->> 'source_type' else p.activity_type end,
        case when p.is_told then p.properties ->> 'source_id' else p.subject_id end,
        case when p.is_told then p.properties ->> 'description' end,
        p.local_date, p.recorded_at
      from (
        select n.*,
          -- its caller names the source
          n.activity_type in ('xp_awarded', 'xp_reversed') as is_told,
          coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays) as amount
        from new_facts n
        join learn.activity_types t on t.key = n.activity_type
      ) p
      where p.amount <> 0
      returning user_id, earned_on, amount
    )
    insert into learn_internal.board_gains (user_id, metric, local_date, amount)
    select p.user_id, 'xp', p.earned_on, sum(p.amount)
    from paid p
    where exists (select from learn.metrics m where m.key = 'xp' and m.is_board)
    group by p.user_id, p.earned_on;

    -- 4. The total and the level follow, and the achievements for these.
    if v_causes & 16 = 0 then
      update learn.user_stats s
      set total_xp = s.total_xp + g.xp
      from unnest(v_gains) g
      where s.user_id = g.user_id and g.xp <> 0;
    else
      select array_agg(s.highest_level) into v_level
      from (
        select * from learn.user_stats l where l.user_id = any (v_user_ids) order by l.user_id
      ) s;
      with credited as (
        update learn.user_stats s
        set total_xp = o.total_xp + g.xp,
          current_level = l.level,
          highest_level = greatest(o.highest_level, l.level)
        from unnest(v_gains) g
        join learn.user_stats o on o.user_id = g.user_id
        cross join lateral (
          select coalesce((
            select t.level from learn.level_thresholds t
            where t.min_xp <= o.total_xp + g.xp
            order by t.min_xp desc
            limit 1), 1) as level
        ) l
        where s.user_id = g.user_id and g.xp <> 0
        returning s.user_id, o.total_xp as old_xp, s.total_xp as new_xp,
          o.highest_level as old_level, s.highest_level as new_level
      )
      select bool_or(c.new_level > c.old_level),
        array_agg((c.user_id, t.achievement_id, jsonb_build_object(
          'metric', t.metric, 'scope', '', 'value', case t.metric when 'xp' then c.new_xp
            else c.new_level end))::learn_internal.win) filter (where t.metric is not null)
      into v_is_new_level, v_won
      from credited c
      left join learn_internal.achievement_thresholds t
        on t.scope = '' and (
          t.metric = 'xp' and t.threshold > c.old_xp and t.threshold <= c.new_xp
          or t.metric = 'level_reached' and t.threshold > c.old_level
            and t.threshold <= c.new_level);
    end if;
  end if;

  -- 5. Metrics count what happened.
  -- 6. The achievements whose thresholds that crosses are found by index.
  if v_causes & 2 <> 0 then
    -- (An amount is null where facts lack the property: the new value is null or the old one then.)
    with changed as (
      select t.user_id, t.metric, t.scope, coalesce(o.value, 0) as old_value,
        case when t.is_maximum then greatest(coalesce(o.value, 0), t.amount)
          else coalesce(o.value, 0) + t.amount end as new_value
      from (
        select f.user_id, f.metric, f.scope, f.aggregate = 'max' as is_maximum,
          case f.aggregate when 'max' then max(f.amount) else sum(f.amount) end::bigint as amount
        from (
          select n.user_id, m.metric, m.aggregate,
            coalesce(n.properties ->> m.scope_property, '') as scope,
            case when m.property is null then 1
              else learn_internal.number_property(n.properties, m.property) end as amount
          from new_facts n
          join learn_internal.metric_feeds m on m.activity_type = n.activity_type
          where n.properties @> m.filter
            and (m.aggregate <> 'run' or not v_resets_runs)
            and (m.scope_property is null or n.properties ->> m.scope_property <> '')
        ) f
        group by f.user_id, f.metric, f.scope, f.aggregate
      ) t
      left join learn.user_metrics o
        on o.user_id = t.user_id and o.metric = t.metric and o.scope = t.scope
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value
      from changed c
      where c.new_value <> c.old_value
      on conflict (user_id, metric, scope) do update set value = excluded.value
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.new_value)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope and t.threshold > c.old_value
        and t.threshold <= c.new_value;
  end if;

  if v_causes & 32 <> 0 then
    insert into learn_internal.board_gains (user_id, metric, local_date, amount)
    select g.user_id, g.metric, g.local_date,
      case g.aggregate when 'max' then max(g.amount) else sum(g.amount) end
    from (
      select n.user_id, m.metric, m.aggregate,
        case when m.aggregate = 'run' then '-infinity' else n.local_date end as local_date,
        case when m.property is null then 1
          else learn_internal.number_property(n.properties, m.property) end as amount
      from new_facts n
      join learn_internal.metric_feeds m on m.activity_type = n.activity_type
      where m.is_board and n.properties @> m.filter
        and (m.aggregate <> 'run' or not v_resets_runs)
    ) g
    where g.amount is not null
    group by g.user_id, g.metric, g.local_date, g.aggregate;
  end if;

  if v_feeds_days then
    with new_days as (
      insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
      select distinct n.user_id, m.key, s.scope, n.local_date
      from new_facts n
      join learn.metrics m on m.activity_type = n.activity_type and m.aggregate = 'distinct_days'
        and n.properties @> m.filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
      on conflict do nothing
      returning user_id, metric, scope, activity_date
    ), changed as (
      select d.user_id, d.metric, d.scope, o.value as old_value, o.value + d.added as new_value
      from (
        select n.user_id, n.metric, n.scope, count(*) as added
        from new_days n
        group by n.user_id, n.metric, n.scope
      ) d
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = d.user_id and u.metric = d.metric and u.scope = d.scope), 0) as value
      ) o
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value from changed c
      on conflict (user_id, metric, scope) do update set value = excluded.value
    ), boarded as (
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select n.user_id, n.metric, n.activity_date, 1
      from new_days n
      join learn.metrics m on m.key = n.metric and m.is_board
      where n.scope = ''
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.new_value)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope
        and t.threshold > c.old_value and t.threshold <= c.new_value;
  end if;

  if v_resets_runs then
    with events as (
      select n.user_id, m.key as metric, s.scope, n.id, false as is_reset
      from new_facts n
      join learn.metrics m on m.activity_type = n.activity_type
        and m.aggregate = 'run' and n.properties @> m.filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
      union all
      select n.user_id, m.key, s.scope, n.id, true
      from new_facts n
      join learn.metrics m on m.reset_activity_type = n.activity_type
        and n.properties @> m.reset_filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
    ), runs as (
      -- Run 0 goes on from before this statement, each reset starts another;
      -- the last one is the value that stays.
      select e.user_id, e.metric, e.scope, e.run, count(*) filter (where not e.is_reset) as length,
        e.run = max(e.run) over (partition by e.user_id, e.metric, e.scope) as is_last
      from (
        select v.*, count(*) filter (where v.is_reset) over (
          partition by v.user_id, v.metric, v.scope
          order by v.id, v.is_reset desc rows unbounded preceding) as run
        from events v
      ) e
      group by e.user_id, e.metric, e.scope, e.run
    ), changed as (
      select r.user_id, r.metric, r.scope, o.value as old_value,
        coalesce(
          sum(r.length) filter (where r.is_last and r.run > 0),
          o.value + sum(r.length) filter (where r.run = 0)) as new_value,
        greatest(
          o.value + coalesce(sum(r.length) filter (where r.run = 0), 0),
          max(r.length) filter (where r.run > 0)) as peak
      from runs r
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = r.user_id and u.metric = r.metric and u.scope = r.scope), 0) as value
      ) o
      group by r.user_id, r.metric, r.scope, o.value
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value
      from changed c
      where c.new_value <> c.old_value
      on conflict (user_id, metric, scope) do update set value = excluded.value
    ), boarded as (
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select c.user_id, c.metric, '-infinity', c.new_value - c.old_value
      from changed c
      join learn.metrics m on m.key = c.metric and m.is_board
      where c.scope = '' and c.new_value <> c.old_value
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.peak)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope
        and t.threshold > c.old_value and t.threshold <= c.peak;
  end if;

  if v_days is not null then
    select v_won || array_agg((
      s.user_id, t.achievement_id,
      jsonb_build_object('metric', v.metric, 'scope', '', 'value', v.new_value)
    )::learn_internal.win)
    into v_won
    from unnest(v_user_ids, v_streak, v_active_days) b(user_id, streak, active_days)
    join learn.user_stats s on s.user_id = b.user_id
    cross join lateral (
      values
        ('current_streak', b.streak, s.longest_streak),
        ('active_days', b.active_days, s.active_days)
    ) v(metric, old_value, new_value)
    join learn_internal.achievement_thresholds t
      on t.metric = v.metric and t.scope = '' and t.threshold > v.old_value
        and t.threshold <= v.new_value;
  end if;

  -- 7. Users are told of what rules name.
  if v_notifies then
    perform learn_internal.notify_facts(array_agg(
      (n.user_id, n.id, n.activity_type, n.subject_type, n.subject_id,
        n.properties)::learn_internal.notice order by n.id))
    from new_facts n
    join learn.activity_types t on t.key = n.activity_type and t.notifies;
  end if;

  -- 8. What was reached is a fact too.
  if v_is_new_level or v_won is not null then
    select jsonb_object_agg(f.user_id, f.last_at) into v_earned_at
    from (
      select n.user_id, max(n.occurred_at) as last_at from new_facts n group by n.user_id
    ) f;
  end if;
  if v_is_new_level then
    insert into learn_internal.board_gains (user_id, metric, local_date, amount)
    select b.user_id, 'level_reached', '-infinity', s.highest_level - b.level
    from unnest(v_user_ids, v_level) b(user_id, level)
    join learn.user_stats s on s.user_id = b.user_id and s.highest_level > b.level
    where exists (select from learn.metrics m where m.key = 'level_reached' and m.is_board);

    insert into learn.activity_log
      (user_id, activity_type, subject_type, subject_id, properties,
       occurred_at, local_date, is_qualifying)
    select b.user_id, t.key, 'level', l.level::text, jsonb_build_object('level', l.level),
      e.at, (e.at at time zone u.timezone)::date, t.is_qualifying
    from unnest(v_user_ids, v_level) b(user_id, level)
    cross join lateral (select (v_earned_at ->> b.user_id::text)::timestamptz as at) e
    join learn.user_stats s on s.user_id = b.user_id
    join learn.users u on u.id = b.user_id
    join learn.activity_types t on t.key = 'level_reached'
    cross join lateral generate_series(b.level + 1, s.highest_level) l(level)
    order by b.user_id, l.level;
  end if;

  if v_won is not null then
    insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
    select w.user_id, w.achievement_id, (v_earned_at ->> w.user_id::text)::timestamptz, w.evidence
    from unnest(v_won) w
    join learn.achievements a on a.id = w.achievement_id
    where (a.criteria ? 'metric' or learn_internal.satisfies_criteria(w.user_id, a.criteria))
      and not exists (
        select from learn.revoked_achievements r
        where r.user_id = w.user_id and r.achievement_id = w.achievement_id)
    order by w.user_id, a.display_order, w.achievement_id
    on conflict (user_id, achievement_id) do nothing;
  end if;

  -- 9. What has been gained is folded into the boards now and then, by whoever comes to it.
  if v_causes & 33 <> 0 and random() * 100 < cardinality(v_gains) then
    perform learn_internal.try_fold_boards();
  end if;
  return null;
end;
$$;
comment on function learn_internal.process_activities() is
  'The engine, a statement trigger: facts move streaks, pay XP, count in metrics '
  'and earn achievements.';
revoke all on function learn_internal.process_activities() from public;

create or replace trigger process_activities
  after insert on learn.activity_log
  referencing new table as new_facts
  for each statement
  execute function learn_internal.process_activities();
comment on trigger process_activities on learn.activity_log is
  'The engine: streaks, XP, levels, metrics, achievements.';

-- triggers/activity/recount_metrics.sql

-- When metrics are defined or redefined: their values are recounted from the log, for everybody. So
-- a metric that comes late knows the past; what it deserves is granted by backfill_achievement().
create or replace function learn_internal.recount_metrics()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_metrics  text[];
  v_is_board boolean;  -- whether boards change too
begin
  if tg_op = 'INSERT' then
    select array_agg(n.key) filter (where n.aggregate <> 'stat'), bool_or(n.is_board)
    into v_metrics, v_is_board
    from new_metrics n;
  else
    select bool_or(n.is_board or o.is_board) into v_is_board
    from new_metrics n
    join old_metrics o on o.key = n.key
    where (o.activity_type, o.aggregate, o.property, o.filter, o.is_board)
      is distinct from (n.activity_type, n.aggregate, n.property, n.filter, n.is_board);
    select array_agg(n.key) into v_metrics
    from new_metrics n
    left join old_metrics o on o.key = n.key
      and (o.activity_type, o.aggregate, o.filter, o.reset_filter)
        = (n.activity_type, n.aggregate, n.filter, n.reset_filter)
      and o.property is not distinct from n.property
      and o.scope_property is not distinct from n.scope_property
      and o.reset_activity_type is not distinct from n.reset_activity_type
    where n.aggregate <> 'stat' and o.key is null;
  end if;
  if (v_metrics is null and v_is_board is not true)
    or not exists (select from learn.activity_log)
  then
    return null;
  end if;

  -- Nobody earns anything while the values change.
  perform from learn.user_stats s order by s.user_id for no key update;
  delete from learn.user_metrics u where u.metric = any (v_metrics);
  insert into learn.user_metrics (user_id, metric, scope, value)
  select r.user_id, r.metric, r.scope, r.value
  from learn_internal.metric_recounts r
  where r.metric = any (v_metrics) and r.value <> 0
  order by r.user_id, r.metric, r.scope;

  delete from learn_internal.user_metric_days d where d.metric = any (v_metrics);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
  select r.user_id, r.metric, r.scope, r.activity_date
  from learn_internal.metric_day_recounts r
  where r.metric = any (v_metrics);

  if v_is_board then
    perform learn_internal.recount_boards(array_agg(s.user_id)) from learn.user_stats s;
  end if;
  return null;
end;
$$;
comment on function learn_internal.recount_metrics() is
  'Statement trigger: recounts new and redefined metrics for everybody.';
revoke all on function learn_internal.recount_metrics() from public;

create or replace trigger metrics_inserted
  after insert on learn.metrics
  referencing new table as new_metrics
  for each statement
  execute function learn_internal.recount_metrics();
comment on trigger metrics_inserted on learn.metrics is 'Recounts the new metrics.';

create or replace trigger metrics_updated
  after update on learn.metrics
  referencing old table as old_metrics new table as new_metrics
  for each statement
  execute function learn_internal.recount_metrics();
comment on trigger metrics_updated on learn.metrics is
  'Recounts the metrics that are defined otherwise now.';

-- triggers/leaderboards/count_in_fences.sql

-- When the boards change: each stretch of a board counts who has come and who has gone.
create or replace function learn_internal.count_in_fences()
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
    insert into learn_internal.board_fences (metric, period, starts_on, floor, users, split_at)
    select distinct n.metric, n.period, n.starts_on, 1, 0, 2000 from new_rows n
    on conflict (metric, period, starts_on, floor) do nothing;
  end if;
  if tg_op = 'INSERT' then
    perform learn_internal.move_fences(array_agg(
      (s.metric, s.period, s.starts_on, s.value, s.users)::learn_internal.board_step))
    from (
      select n.metric, n.period, n.starts_on, n.value, count(*) as users
      from new_rows n
      where n.value > 0
      group by n.metric, n.period, n.starts_on, n.value
    ) s;
  elsif tg_op = 'DELETE' then
    perform learn_internal.move_fences(array_agg(
      (s.metric, s.period, s.starts_on, s.value, s.users)::learn_internal.board_step))
    from (
      select o.metric, o.period, o.starts_on, o.value, -count(*) as users
      from old_rows o
      where o.value > 0
      group by o.metric, o.period, o.starts_on, o.value
    ) s;
  else
    perform learn_internal.move_fences(array_agg(
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
comment on function learn_internal.count_in_fences() is
  'Statement trigger: counts users of boards by stretches of values.';
revoke all on function learn_internal.count_in_fences() from public;

create or replace trigger scores_inserted
  after insert on learn_internal.board_scores
  referencing new table as new_rows
  for each statement
  execute function learn_internal.count_in_fences();
comment on trigger scores_inserted on learn_internal.board_scores is 'Counts who has come.';

create or replace trigger scores_updated
  after update on learn_internal.board_scores
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.count_in_fences();
comment on trigger scores_updated on learn_internal.board_scores is 'Counts who has moved.';

create or replace trigger scores_deleted
  after delete on learn_internal.board_scores
  referencing old table as old_rows
  for each statement
  execute function learn_internal.count_in_fences();
comment on trigger scores_deleted on learn_internal.board_scores is 'Counts who has gone.';

-- triggers/leaderboards/period_rewards_change.sql

-- When rewards change: a period that is being closed waits.
create or replace trigger period_rewards_change
  before insert or update or delete on learn.period_rewards
  for each statement
  execute function learn_internal.change_content();
comment on trigger period_rewards_change on learn.period_rewards is
  'A change has those wait who close a period.';

-- triggers/leaderboards/recount_deleted_boards.sql

-- When users are deleted: they leave the boards at once.
create or replace function learn_internal.recount_deleted_boards()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.recount_boards(array_agg(o.id)) from old_users o having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.recount_deleted_boards() is
  'Statement trigger: takes deleted users off the boards.';
revoke all on function learn_internal.recount_deleted_boards() from public;

create or replace trigger users_gone
  after delete on learn.users
  referencing old table as old_users
  for each statement
  execute function learn_internal.recount_deleted_boards();
comment on trigger users_gone on learn.users is 'Takes deleted users off the boards.';

-- triggers/leaderboards/recount_user_boards.sql

-- When users are renamed, come and go, or want to be seen or not: the boards follow at once.
create or replace function learn_internal.recount_user_boards()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.recount_boards(array[old.id]);
  return null;
end;
$$;
comment on function learn_internal.recount_user_boards() is
  'Row trigger: has the boards of a user recounted.';
revoke all on function learn_internal.recount_user_boards() from public;

create or replace trigger users_seen
  after update of username, is_active, show_on_leaderboard on learn.users
  for each row
  when ((old.username, old.is_active, old.show_on_leaderboard)
    is distinct from (new.username, new.is_active, new.show_on_leaderboard))
  execute function learn_internal.recount_user_boards();
comment on trigger users_seen on learn.users is 'Boards show who wants to be seen, by name.';

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
        order by r.id desc), '[]')
    from (
      select e.id, e.earned_at, a.slug, a.name, a.icon, a.rarity
      from learn.user_achievements e
      join learn.achievements a on a.id = e.achievement_id
      where e.user_id = u.id
      order by e.id desc
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
    select coalesce(jsonb_object_agg(d.difficulty, d.percentage), '{}')
    from (
      select t.difficulty, coalesce(max(p.progress_percentage), 0) as percentage
      from learn.tracks t
      left join learn.user_track_progress p on p.user_id = u.id and p.track_id = t.id
      where t.is_published
      group by t.difficulty
    ) d
  ) as track_progress,
  (select count(*) from learn.notifications n
    where n.user_id = u.id and not n.is_read) as unread_notifications,
  learn.user_rank(u.id) as xp_rank
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
  'Per difficulty of published tracks, the percentage of the track that is furthest: '
  '{"fundamentals": 40.00, "concepts": 0, …}.';
grant select on learn.user_dashboard to learn_app, learn_readonly;

-- views/leaderboards/leaderboard_entries.sql

-- The boards as rows: those of periods that were closed as they stood then, the others as of the last fold.
-- leaderboard() answers by index, and for this moment.
create or replace view learn.leaderboard_entries as
select s.metric, s.period, s.starts_on as period_start, s.user_id, s.value,
  rank() over (partition by s.metric, s.period, s.starts_on order by s.value desc) as rank,
  (select b.folded_at from learn_internal.board_state b) as calculated_at
from learn_internal.board_scores s
join learn.metrics m on m.key = s.metric and m.is_board
join learn.users u on u.id = s.user_id and u.is_active and u.show_on_leaderboard
where s.value > 0 and not exists (
  select from learn.closed_periods c
  where c.metric = s.metric and c.period = s.period and c.starts_on = s.starts_on)
union all
select s.metric, s.period, s.starts_on, s.user_id, s.value, s.rank, c.closed_at
from learn.period_standings s
join learn.closed_periods c
  on c.metric = s.metric and c.period = s.period and c.starts_on = s.starts_on
join learn.users u on u.id = s.user_id and u.is_active and u.show_on_leaderboard;
comment on view learn.leaderboard_entries is
  'The boards as rows: closed periods as they stood when they were closed, others as of the last fold '
  '(calculated_at). Filter by metric, period and period_start.';
grant select on learn.leaderboard_entries to learn_app, learn_readonly;

-- Users who are there already stand on the boards by their facts. The first statement changes no row:
-- its trigger notes which types of facts count on boards.
update learn.metrics set is_board = is_board where false;
select learn_internal.recount_boards(array_agg(u.id)) from learn.users u;

reset role;
