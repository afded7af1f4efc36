-- Closes the board of a finished period: keeps its standings and pays the XP of period_rewards by rank, once.
-- What it pays counts in totals and on no board.
-- A period is finished when its last day is over in every time zone. Returns how many users were on the
-- board; closing it again changes nothing and returns the same.
-- Errors: LX001 no such board, or one without an end; LX007 the period is not over.
create or replace function learn.close_period(
  p_period text, p_metric text default 'xp', p_on date default null
)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_today date := (learn.clock() at time zone 'Etc/GMT+12')::date;  -- where the day ends last
  v_board learn_internal.board;
  v_users bigint;
  v_source text;
begin
  perform learn_internal.hold_content();
  v_board := learn_internal.find_board(p_period, p_metric, coalesce(p_on, case p_period
    when 'month' then (v_today - interval '1 month')::date
    when 'week' then v_today - 7
    else v_today - 1 end));
  if p_period = 'all_time' then
    raise exception 'all time does not end'
      using errcode = 'LX001', detail = 'p_period = all_time',
        hint = 'Close a day, a week or a month.';
  elsif v_board.ends_on > v_today then
    raise exception 'the period is not over'
      using errcode = 'LX007',
        detail = format('%s from %s ends before %s', p_period, v_board.starts_on, v_board.ends_on),
        hint = 'A period is over when its last day is over in every time zone: 12 hours after '
          'midnight UTC.';
  end if;

  v_source := format('%s %s %s', p_metric, p_period, to_char(v_board.starts_on, 'YYYY-MM-DD'));
  insert into learn.closed_periods (metric, period, starts_on, users)
  values (p_metric, p_period, v_board.starts_on, 0)
  on conflict (metric, period, starts_on) do nothing;
  if not found then
    select c.users into v_users
    from learn.closed_periods c
    where (c.metric, c.period, c.starts_on) = (p_metric, p_period, v_board.starts_on);
    return v_users;
  end if;

  insert into learn.period_standings (user_id, metric, period, starts_on, value, rank, xp_paid)
  select b.user_id, p_metric, p_period, v_board.starts_on, b.value, b.rank, coalesce((
      select max(w.xp) from learn.period_rewards w
      where w.metric = p_metric and w.period = p_period
        and b.rank between w.rank_from and w.rank_to), 0)
  from (
    select s.user_id, s.value, rank() over (order by s.value desc) as rank
    from learn_internal.board_standings(v_board, null) s
  ) b
  order by b.user_id;
  get diagnostics v_users = row_count;
  update learn.closed_periods c set users = v_users
  where (c.metric, c.period, c.starts_on) = (p_metric, p_period, v_board.starts_on);

  -- Paid once, whatever becomes of the rows: the memory says it.
  perform learn_internal.write_facts(array_agg((
      s.user_id, 'period_rewarded', null, null,
      jsonb_build_object('source_type', 'leaderboard', 'source_id', v_source,
        'description', format('Rank %s', s.rank)),
      s.xp_paid, learn.clock())::learn_internal.fact order by s.rank, s.user_id))
  from learn.period_standings s
  where s.metric = p_metric and s.period = p_period and s.starts_on = v_board.starts_on
    and s.xp_paid > 0 and not exists (
      select from learn_internal.recorded_subjects r
      where r.user_id = s.user_id and r.activity_type = 'period_rewarded'
        and r.subject_type = 'leaderboard' and r.subject_id = v_source);
  insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
  select s.user_id, 'period_rewarded', 'leaderboard', v_source
  from learn.period_standings s
  where s.metric = p_metric and s.period = p_period and s.starts_on = v_board.starts_on
    and s.xp_paid > 0
  order by s.user_id
  on conflict do nothing;
  return v_users;
end;
$$;
comment on function learn.close_period(text, text, date) is
  'Keeps the standings of a finished day, week or month and pays its rewards by rank, once; returns the '
  'number of users on the board. Null p_on: the last one.';
grant execute on function learn.close_period(text, text, date) to learn_app;
