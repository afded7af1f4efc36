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
