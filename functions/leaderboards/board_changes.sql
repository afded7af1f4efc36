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
