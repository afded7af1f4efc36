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
