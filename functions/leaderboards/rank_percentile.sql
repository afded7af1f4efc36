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
  v_board   learn_internal.board := learn_internal.find_board(
    'all_time', p_metric, (learn.clock() at time zone 'UTC')::date);
  v_waiting learn_internal.board_waiting;
  v_rank    bigint;
  v_users   bigint;
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  v_waiting := learn_internal.board_waiting(v_board, null);
  v_rank := learn_internal.place_on_board(v_board, p_user_id, v_waiting);
  if v_rank is null then
    return null;
  end if;
  -- the rank of who has nothing, behind all others
  v_users := learn_internal.board_rank(v_board, 0, learn_internal.board_changes(v_board, v_waiting, 1, 0)) - 1;
  return round(100.0 * (v_users - v_rank + 1) / v_users, 2);
end;
$$;
comment on function learn.rank_percentile(uuid, text) is
  'Of all on the board of all time, the percentage that has at most as much as the user; null: not on it.';
grant execute on function learn.rank_percentile(uuid, text) to learn_app, learn_user, learn_readonly;
