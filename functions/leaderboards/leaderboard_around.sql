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
