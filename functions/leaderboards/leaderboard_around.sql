-- The rows of a board around a user, of the period in which p_on lies (without it, of the user's own today), also
-- among some users only: up to p_span before and after; none when the
-- user is not on it.
-- Errors: LX001 no such board, a span out of range, or too many users in p_among; LX002 unknown user.
create or replace function learn.leaderboard_around(
  p_user_id uuid, p_period text, p_metric text, p_span integer default 5, p_among uuid[] default null,
  p_on date default null
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
  v_changes learn_internal.board_change[];
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
      and s.lapses_at > v_board.at
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
          and s.starts_on = v_board.starts_on and s.value > 0 and s.lapses_at > v_board.at
          and s.value = v_value and s.name < v_name
          and s.user_id not in (select c.user_id from unnest(v_changes) c)
        order by s.value, s.name desc
        limit p_span
      )
      union all
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0 and s.lapses_at > v_board.at
          and s.value > v_value
          and s.user_id not in (select c.user_id from unnest(v_changes) c)
        order by s.value, s.name desc
        limit p_span
      )
      union all
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0 and s.lapses_at > v_board.at
          and s.value = v_value and s.name >= v_name
          and s.user_id not in (select c.user_id from unnest(v_changes) c)
        order by s.value desc, s.name
        limit p_span + 1
      )
      union all
      (
        select s.user_id, s.name, s.value from learn_internal.board_scores s
        where s.metric = v_board.metric and s.period = v_board.period
          and s.starts_on = v_board.starts_on and s.value > 0 and s.lapses_at > v_board.at
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
comment on function learn.leaderboard_around(uuid, text, text, integer, uuid[], date) is
  'The rows of a board (of the period in which p_on lies, the user''s today if null) around a user, or of the same '
  'board among some users, up to p_span '
  'before and after.';
grant execute on function learn.leaderboard_around(uuid, text, text, integer, uuid[], date)
  to learn_app, learn_user, learn_readonly;
