-- What the proxy asks of a shard for answers that all shards give together.

set role learn_owner;

-- The hash of the learner who has what is named, for a call that names no learner. No row where this shard has none.
create or replace function learn_shard.hash_with(p_what text, p_value text)
returns setof integer
language plpgsql
stable
security definer                  -- codes are readable by no app role
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
begin
  if p_what = 'p_tx_id' then
    return query select uuid_hash(t.user_id) from learn.transactions t where t.tx_id = p_value;
  elsif p_what = 'p_certificate_number' then
    return query select uuid_hash(c.user_id) from learn.nft_certificates c where c.certificate_number = p_value;
  else
    return query
    select uuid_hash(c.user_id) from learn.nft_certificates c
    where c.verify_code in (p_value, lower(regexp_replace(p_value, '[-[:space:]]', '', 'g')))
    order by c.verify_code = p_value desc;
  end if;
end;
$$;
comment on function learn_shard.hash_with(text, text) is
  'The hash of the learner who has what a parameter names: p_tx_id, p_certificate_number or p_code.';
grant execute on function learn_shard.hash_with(text, text) to learn_router;


-- The first rows of this shard's part of a board, as many as a page of all shards may need.
-- Errors: as learn.leaderboard().
create or replace function learn_shard.board_head(
  p_period text, p_metric text, p_limit integer, p_offset integer, p_on date, p_among uuid[]
)
returns table (user_id uuid, username text, display_name text, value bigint)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_rows constant bigint := p_limit + p_offset::bigint;
begin
  if v_rows is null or p_limit not between 0 and 1000 or p_offset < 0 then
    perform learn.leaderboard(p_period, p_metric, p_limit, p_offset, p_on, p_among);  -- which refuses it
  end if;
  return query
  select l.user_id, l.username, l.display_name, l.value
  from generate_series(0, greatest(v_rows - 1, 0), 1000) g(first)
  cross join lateral learn.leaderboard(
    p_period, p_metric, least(v_rows - g.first, 1000)::integer, g.first::integer, p_on, p_among) l;
end;
$$;
comment on function learn_shard.board_head(text, text, integer, integer, date, uuid[]) is
  'The first rows of this shard''s part of a board, as many as a page of all shards may need.';

-- Where a learner stands on a board: the day by which the board is found, value and place in it. Value null: not on it.
-- Errors: as learn.user_rank().
create or replace function learn_shard.board_place(
  p_user_id uuid, p_period text, p_metric text, p_among uuid[], p_on date
)
returns table (on_day date, value bigint, name text)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_on    date := coalesce(p_on, learn_internal.today_of(p_user_id));
  v_board learn_internal.board := learn_internal.find_board(p_period, p_metric, v_on);
begin
  perform learn_internal.require_user(p_user_id);
  perform learn_internal.require_cohort(p_among);
  return query
  select v_on, b.value, lower(u.username)
  from learn.users u
  left join learn_internal.board_standings(v_board, array[p_user_id]) b
    on b.user_id = u.id and (p_among is null or u.id = any (p_among))
  where u.id = p_user_id;
end;
$$;
comment on function learn_shard.board_place(uuid, text, text, uuid[], date) is
  'Where a learner stands on a board: its day, value and name; value null: not on it.';

-- How many of this shard stand above each of some values.
create or replace function learn_shard.count_above(
  p_period text, p_metric text, p_on date, p_among uuid[], p_values bigint[]
)
returns table (value bigint, above bigint)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_board   learn_internal.board := learn_internal.find_board(p_period, p_metric, p_on);
  v_changes learn_internal.board_change[];
begin
  if p_among is null and v_board.is_kept then
    v_changes := learn_internal.board_changes(v_board, learn_internal.board_waiting(v_board, null),
      (select min(v) + 1 from unnest(p_values) v), (select max(v) from unnest(p_values) v));
    return query
    select v, learn_internal.board_rank(v_board, v, v_changes) - 1 from unnest(p_values) v;
  else
    return query
    with board as materialized (select b.value from learn_internal.board_standings(v_board, p_among) b)
    select v, (select count(*) from board b where b.value > v) from unnest(p_values) v;
  end if;
end;
$$;
comment on function learn_shard.count_above(text, text, date, uuid[], bigint[]) is
  'How many of this shard stand above each of some values of a board.';

-- This shard's rows next to a place on a board: up to p_span before it, and up to p_span + 1 from it on.
-- Errors: LX001 the span is out of range.
create or replace function learn_shard.board_near(
  p_period text, p_metric text, p_on date, p_among uuid[], p_value bigint, p_name text, p_span integer
)
returns table (user_id uuid, username text, display_name text, value bigint)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  v_board   learn_internal.board := learn_internal.find_board(p_period, p_metric, p_on);
  v_changes learn_internal.board_change[];
begin
  if p_among is null then
    v_changes := learn_internal.board_changes(
      v_board, learn_internal.board_waiting(v_board, null), 1, 9223372036854775807);
  end if;
  return query
  with kept as materialized (  -- by index in both directions, where the board is kept
    select s.user_id, s.name, s.value
    from (
      (
        select b.* from learn_internal.board_scores b
        where b.metric = v_board.metric and b.period = v_board.period and b.starts_on = v_board.starts_on
          and b.value > 0 and b.lapses_at > v_board.at and b.value >= p_value and (b.value > p_value or b.name < p_name)
          and b.user_id not in (select c.user_id from unnest(v_changes) c)
        order by b.value, b.name desc
        limit case when p_among is null and v_board.is_kept then p_span else 0 end
      )
      union all
      (
        select b.* from learn_internal.board_scores b
        where b.metric = v_board.metric and b.period = v_board.period and b.starts_on = v_board.starts_on
          and b.value > 0 and b.lapses_at > v_board.at and b.value <= p_value and (b.value < p_value or b.name >= p_name)
          and b.user_id not in (select c.user_id from unnest(v_changes) c)
        order by b.value desc, b.name
        limit case when p_among is null and v_board.is_kept then p_span + 1 else 0 end
      )
    ) s
    union all
    select c.user_id, c.name, c.new_value
    from unnest(v_changes) c
    where c.new_value > 0 and p_among is null and v_board.is_kept
    union all
    select b.user_id, lower(u.username), b.value
    from learn_internal.board_standings(v_board, coalesce(p_among, '{}')) b
    join learn.users u on u.id = b.user_id
    where p_among is not null
    union all
    select b.user_id, lower(u.username), b.value
    from learn_internal.recount_board(v_board, null) b
    join learn.users u on u.id = b.user_id
    where p_among is null and not v_board.is_kept and b.value > 0
  ), near as (
    (
      select k.* from kept k where k.value > p_value or k.value = p_value and k.name < p_name
      order by k.value, k.name desc limit p_span
    )
    union all
    (
      select k.* from kept k where k.value < p_value or k.value = p_value and k.name >= p_name
      order by k.value desc, k.name limit p_span + 1
    )
  )
  select n.user_id, u.username::text, u.display_name::text, n.value
  from near n
  join learn.users u on u.id = n.user_id;
end;
$$;
comment on function learn_shard.board_near(text, text, date, uuid[], bigint, text, integer) is
  'This shard''s rows next to a place on a board, before it and from it on.';

grant execute on function learn_shard.board_head(text, text, integer, integer, date, uuid[]),
  learn_shard.board_place(uuid, text, text, uuid[], date), learn_shard.count_above(text, text, date, uuid[], bigint[]),
  learn_shard.board_near(text, text, date, uuid[], bigint, text, integer) to learn_router;

reset role;
