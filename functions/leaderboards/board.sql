-- What has changed on a board since the last merge: the users who have gained, and those to be
-- recounted, with what board_scores says and what is true now. Costs as much as there were gains.
-- lint: ignore plpgsql because the literal '{}' is an empty array's own spelling
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
    select distinct g.user_id from learn_internal.board_gains g
    where g.metric = '' or g.metric = 'current_streak' and (p_board).metric = 'current_streak');
  if (p_board).metric = 'current_streak' then
    return array(
      select (i.user_id, coalesce(lower(u.username), s.name),
          case when s.lapses_at > (p_board).at then s.value else 0 end,
          case when u.is_active and u.show_on_leaderboard then coalesce(e.days, 0) else 0 end)
        ::learn_internal.board_change
      from unnest(v_recounted) i(user_id)
      left join learn_internal.board_scores s
        on s.user_id = i.user_id and s.metric = 'current_streak' and s.period = 'all_time'
          and s.starts_on = '-infinity'
      left join learn.users u on u.id = i.user_id
      left join lateral (
        select k.days from learn_internal.streak_ends k
        where k.user_id = i.user_id and k.ends_at > (p_board).at
        offset 0
      ) e on true);
  end if;
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
      select i.user_id, coalesce(lower(u.username), s.name),
        coalesce(s.value, 0), coalesce(r.value, 0)
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
  'The users whose place on a board may have changed since the last merge, with old and new values.';

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
      and s.starts_on = (p_board).starts_on and s.value > 0 and s.lapses_at > (p_board).at
      and s.user_id not in (select c.user_id from unnest(p_changes) c);
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
      and s.user_id not in (select c.user_id from unnest(p_changes) c);
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
      or v_metric.aggregate = 'stat' and p_metric not in ('xp', 'active_days'))
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
              or k.aggregate = 'stat' and k.key not in ('xp', 'active_days') as is_endless
            from learn.metrics k
            where k.is_board
          ) m);
  end if;
  v_board.is_maximum := v_metric.aggregate = 'max';
  v_board.is_kept := v_board.ends_on > (select s.kept_from from learn_internal.board_state s);
  v_board.at := learn.clock();
  return v_board;
end;
$$;
comment on function learn_internal.find_board(text, text, date) is
  'The board of a metric for the period in which a day lies. LX001: there is none.';
