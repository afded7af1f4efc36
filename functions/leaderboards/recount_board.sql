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
