-- A value that at least so many users of a board have by now: the first p_count are among those who have it. 1 where
-- there may be fewer.
create or replace function learn_internal.page_floor(
  p_board learn_internal.board, p_waiting learn_internal.board_waiting, p_count bigint
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
  v_merged bigint;
  v_gained bigint;
begin
  select s.value into v_merged  -- also when all who may have lost something were before that place
  from learn_internal.board_scores s
  where s.metric = (p_board).metric and s.period = (p_board).period
    and s.starts_on = (p_board).starts_on and s.value > 0
  order by s.value desc, s.name, s.user_id
  limit 1 offset greatest(p_count, 1) - 1 + cardinality((p_waiting).recounted) + (
    select count(*) from unnest((p_waiting).amounts) a where a < 0);
  if (p_waiting).most > coalesce(v_merged, 0) and p_count <= 100 then
    select case when count(*) = p_count then min(t.value) end into v_gained
    from (
      select case when (p_board).is_maximum then greatest(s.value, g.amount)
        else coalesce(s.value, 0) + g.amount end as value
      from (
        select * from unnest((p_waiting).user_ids, (p_waiting).amounts) w(user_id, amount)
        order by w.amount desc
      ) g
      cross join lateral (
        select from learn.users l
        where l.id = g.user_id and l.is_active and l.show_on_leaderboard
        offset 0
      ) u
      left join lateral (
        select b.value
        from learn_internal.board_scores b
        where b.user_id = g.user_id and b.metric = (p_board).metric and b.period = (p_board).period
          and b.starts_on = (p_board).starts_on
        offset 0
      ) s on true
      limit p_count
    ) t;
  end if;
  return greatest(v_merged, v_gained, 1);
end;
$$;
comment on function learn_internal.page_floor(learn_internal.board, learn_internal.board_waiting, bigint) is
  'A value that the first so many users of a board have by now, at least.';
