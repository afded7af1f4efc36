-- Who stands on a board with what, all of it or among some users: those with a value above 0.
-- Kept boards are read, others recounted.
create or replace function learn_internal.board_standings(p_board learn_internal.board, p_among uuid[])
returns table (user_id uuid, value bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  v_changes learn_internal.board_change[];
begin
  if not (p_board).is_kept then
    return query
    select r.user_id, r.value
    from learn_internal.recount_board(p_board, p_among) r
    where r.value > 0;
    return;
  end if;
  v_changes := learn_internal.board_changes(
    p_board, learn_internal.board_waiting(p_board, p_among), 1, 9223372036854775807);
  if p_among is null then
    return query
    select s.user_id, s.value
    from learn_internal.board_scores s
    where s.metric = (p_board).metric and s.period = (p_board).period
      and s.starts_on = (p_board).starts_on and s.value > 0 and s.lapses_at > (p_board).at
      and s.user_id not in (select c.user_id from unnest(v_changes) c);
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
      and s.user_id not in (select c.user_id from unnest(v_changes) c);
  end if;
  return query
  select c.user_id, c.new_value
  from unnest(v_changes) c
  where c.new_value > 0;
end;
$$;
comment on function learn_internal.board_standings(learn_internal.board, uuid[]) is
  'Users and values of a board, all of it or among some users.';
