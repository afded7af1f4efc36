-- Writes the boards of the current periods down in leaderboard_entries, for those who read that table.
-- Readers see the earlier ones until it commits; a second run waits for the first. Returns the
-- number of entries. The loop runs once per board; each is one statement.
create or replace function learn.refresh_leaderboard()
returns bigint
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_today date := (learn.clock() at time zone 'UTC')::date;
  v_board record;
  v_total bigint := 0;
  v_count bigint;
begin
  lock table learn.leaderboard_entries in share update exclusive mode;
  for v_board in
    select m.key as metric, p.period, learn_internal.period_start(p.period, v_today) as start
    from learn.metrics m
    cross join (values ('day'), ('week'), ('month'), ('all_time')) p(period)
    where m.is_board and (p.period = 'all_time' or m.aggregate <> 'run'
      and (m.aggregate <> 'stat' or m.key in ('xp', 'active_days')))
    order by m.key, p.period
  loop
    with ranked as materialized (
      select b.user_id, b.value, rank() over (order by b.value desc) as rank
      from learn_internal.board_values(v_board.period, v_board.metric, v_today) b
    ), gone as (
      delete from learn.leaderboard_entries e
      where e.metric = v_board.metric and e.period = v_board.period
        and e.period_start = v_board.start
        and not exists (select from ranked r where r.user_id = e.user_id)
    )
    insert into learn.leaderboard_entries as e
      (user_id, metric, period, period_start, value, rank, calculated_at)
    select r.user_id, v_board.metric, v_board.period, v_board.start, r.value, r.rank, learn.clock()
    from ranked r
    order by r.user_id
    on conflict (user_id, metric, period, period_start) do update
      set value = excluded.value, rank = excluded.rank, calculated_at = excluded.calculated_at;
    get diagnostics v_count = row_count;
    v_total := v_total + v_count;
  end loop;
  return v_total;
end;
$$;
comment on function learn.refresh_leaderboard() is
  'Writes the boards of the current periods down in leaderboard_entries; returns how many entries.';
revoke all on function learn.refresh_leaderboard() from public;
grant execute on function learn.refresh_leaderboard() to learn_app;
