-- A user's rank on a kept board, exact and live; null for one who is not on it.
create or replace function learn_internal.place_on_board(
  p_board learn_internal.board, p_user_id uuid, p_waiting learn_internal.board_waiting
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
  v_own   learn_internal.board_change[] := learn_internal.board_changes(
    p_board, learn_internal.board_waiting(p_board, array[p_user_id]), 1, 9223372036854775807);
  v_value bigint;
begin
  if v_own <> '{}' then
    v_value := v_own[1].new_value;
  else
    select s.value into v_value
    from learn_internal.board_scores s
    where s.user_id = p_user_id and s.metric = (p_board).metric
      and s.period = (p_board).period and s.starts_on = (p_board).starts_on
      and s.lapses_at > (p_board).at;
  end if;
  if v_value > 0 then
    return learn_internal.board_rank(
      p_board, v_value, learn_internal.board_changes(p_board, p_waiting, v_value + 1, v_value));
  end if;
  return null;
end;
$$;
comment on function learn_internal.place_on_board(learn_internal.board, uuid, learn_internal.board_waiting) is
  'A user''s rank on a kept board; null: not on it.';
