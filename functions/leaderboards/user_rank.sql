-- A user's rank on a board of the period in which p_on lies, or among some users, exact and live; null for one
-- who is not on it. Without p_on it is the period of the user's own today, which is not everybody's.
-- Errors: LX001 no such board, or too many users in p_among; LX002 unknown user.
create or replace function learn.user_rank(
  p_user_id uuid,
  p_period  text default 'all_time',
  p_metric  text default 'xp',
  p_on      date default null,
  p_among   uuid[] default null
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
  v_board learn_internal.board := learn_internal.find_board(
    p_period, p_metric, coalesce(p_on, learn_internal.today_of(p_user_id)));
  v_rank  bigint;
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  perform learn_internal.require_cohort(p_among);
  if p_among is not null or not v_board.is_kept then
    select r.rank into v_rank
    from (
      select b.user_id, rank() over (order by b.value desc) as rank
      from learn_internal.board_standings(v_board, p_among) b
    ) r
    where r.user_id = p_user_id;
    return v_rank;
  end if;

  return learn_internal.place_on_board(v_board, p_user_id, learn_internal.board_waiting(v_board, null));
end;
$$;
comment on function learn.user_rank(uuid, text, text, date, uuid[]) is
  'A user''s rank on a board (of the period in which p_on lies, the user''s today if null), or among some users, '
  'exact and live; null: not on it.';
grant execute on function learn.user_rank(uuid, text, text, date, uuid[]) to learn_app, learn_user, learn_readonly;
