-- Merges all that users have gained into the boards, takes off the streaks that have ended, drops the boards
-- of periods that are over for longer than leaderboard_days_kept, and evens out what ranks are counted by.
-- Boards are right without it; it keeps them fast. Readers and learners never wait for it; a second run
-- waits for the first. Returns how many gains and ends it merged.
create or replace function learn.refresh_leaderboard()
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_kept_from date := (learn.clock() at time zone 'UTC')::date
    - learn_internal.setting_number('leaderboard_days_kept')::integer;
  v_count     bigint;
begin
  perform learn_internal.hold_content();
  perform from learn_internal.turns t where t.name = 'boards' for update;
  v_count := learn_internal.merge_boards();
  v_count := v_count + learn_internal.merge_streaks(  -- all that have ended
    '00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', null);

  update learn_internal.board_state s set kept_from = v_kept_from where s.kept_from < v_kept_from;
  if found then
    delete from learn_internal.board_scores s
    where s.period <> 'all_time' and (s.starts_on + case s.period
      when 'day' then interval '1 day' when 'week' then interval '7 days'
      else interval '1 month' end)::date <= v_kept_from;
    delete from learn_internal.board_stretches f
    where f.period <> 'all_time' and (f.starts_on + case f.period
      when 'day' then interval '1 day' when 'week' then interval '7 days'
      else interval '1 month' end)::date <= v_kept_from;
  end if;

  -- Where users have moved on, stretches are left that are nearly empty: those boards are divided anew.
  perform learn_internal.divide_board(b.metric, b.period, b.starts_on)
  from (
    select f.metric, f.period, f.starts_on
    from learn_internal.board_stretches f
    group by f.metric, f.period, f.starts_on
    having count(*) > 4 + 4 * sum(f.users) / 1000
  ) b;
  return v_count;
end;
$$;
comment on function learn.refresh_leaderboard() is
  'Merges what users have gained into the boards, which keeps them fast; returns how many changes. '
  'Call it every minute or so.';
grant execute on function learn.refresh_leaderboard() to learn_app;
