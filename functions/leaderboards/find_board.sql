-- The board of a metric for the period in which a day lies.
-- Errors: LX001 no such period, no board of this metric, or none of it for periods, a day before 1900 or
-- after 2999.
create or replace function learn_internal.find_board(p_period text, p_metric text, p_on date)
returns learn_internal.board
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_metric learn.metrics;
  v_board  learn_internal.board;
begin
  perform learn_internal.require_size('p_period', length(p_period), 20);
  perform learn_internal.require_size('p_metric', length(p_metric), 200);
  if p_on not between '1900-01-01' and '2999-12-31' then
    raise exception 'there are no boards of this day'
      using errcode = 'LX001', detail = format('p_on = %s', p_on),
        hint = 'Give a day from 1900-01-01 to 2999-12-31.';
  end if;
  v_board.metric := p_metric;
  v_board.period := p_period;
  v_board.starts_on := learn_internal.period_start(p_period, p_on);
  v_board.ends_on := case p_period
    when 'day' then v_board.starts_on + 1
    when 'week' then v_board.starts_on + 7
    when 'month' then (v_board.starts_on + interval '1 month')::date
    else 'infinity' end;
  select m.* into v_metric from learn.metrics m where m.key = p_metric and m.is_board;
  if not found
    or p_period <> 'all_time' and (v_metric.aggregate = 'run'
      or v_metric.aggregate = 'stat' and p_metric not in ('xp', 'active_days', 'longest_streak'))
  then
    raise exception 'there is no such board'
      using errcode = 'LX001',
        detail = format('p_metric = %s, p_period = %s', coalesce(left(p_metric, 50), 'null'), p_period)
          || case when v_metric.key is not null
            then format(': boards of %s are of the period all_time', v_metric.key) else '' end,
        hint = (
          select format('Of all_time alone there are boards of %s; of day, week, month and all_time, of %s.',
            string_agg(m.key, ', ' order by m.key) filter (where m.is_endless),
            string_agg(m.key, ', ' order by m.key) filter (where not m.is_endless))
          from (
            select k.key, k.aggregate = 'run'
              or k.aggregate = 'stat' and k.key not in ('xp', 'active_days', 'longest_streak') as is_endless
            from learn.metrics k
            where k.is_board
          ) m);
  end if;
  v_board.is_maximum := v_metric.aggregate = 'max' or p_metric = 'longest_streak';
  v_board.is_kept := v_board.ends_on > (select s.kept_from from learn_internal.board_state s);
  v_board.at := learn.clock();
  return v_board;
end;
$$;
comment on function learn_internal.find_board(text, text, date) is
  'The board of a metric for the period in which a day lies. LX001: there is none.';
