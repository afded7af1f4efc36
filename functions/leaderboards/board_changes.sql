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
