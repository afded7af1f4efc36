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

-- A user's rank on a board of the period in which p_on lies, or among some users, exact and live; null for one
-- who is not on it. Without p_on it is the period of the user's own today, which is not everybody's.
-- Errors: LX001 no such board, or too many users in p_among; LX002 unknown user.
create or replace function learn.user_rank(
  p_user_id uuid,
  p_period  text default 'all_time',
  p_metric  text default 'xp',
  p_among   uuid[] default null,
  p_on      date default null
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
  v_board   learn_internal.board := learn_internal.find_board(
    p_period, p_metric, coalesce(p_on, learn_internal.today_of(p_user_id)));
  v_changes learn_internal.board_change[];
  v_value   bigint;
  v_rank    bigint;
begin
  perform learn_internal.require_self(p_user_id);
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
        and s.lapses_at > v_board.at
    )) into v_value;
  if v_value > 0 then
    return learn_internal.board_rank(v_board, v_value, v_changes);
  end if;
  return null;
end;
$$;
comment on function learn.user_rank(uuid, text, text, uuid[], date) is
  'A user''s rank on a board (of the period in which p_on lies, the user''s today if null), or among some users, '
  'exact and live; null: not on it.';
grant execute on function learn.user_rank(uuid, text, text, uuid[], date) to learn_app, learn_user, learn_readonly;

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
  v_rank  bigint := learn.user_rank(p_user_id, 'all_time', p_metric);
  v_board learn_internal.board;
  v_users bigint;
begin
  if v_rank is null then
    return null;
  end if;
  v_board := learn_internal.find_board('all_time', p_metric, (learn.clock() at time zone 'UTC')::date);
  -- the rank of who has nothing, behind all others
  v_users := learn_internal.board_rank(v_board, 0, learn_internal.board_changes(v_board)) - 1;
  return round(100.0 * (v_users - v_rank + 1) / v_users, 2);
end;
$$;
comment on function learn.rank_percentile(uuid, text) is
  'Of all on the board of all time, the percentage that has at most as much as the user; null: not on it.';
grant execute on function learn.rank_percentile(uuid, text) to learn_app, learn_user, learn_readonly;
