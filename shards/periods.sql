-- Closing a period of a board over all shards: each freezes its part, once; the proxy puts the parts together to ranks, which
-- each shard then keeps and pays. Every step may be repeated: what was frozen stays, and what was paid is not paid again.

set role learn_owner;

create table if not exists learn_shard.frozen (
  user_id   uuid not null references learn.users on delete cascade,
  metric    text not null,
  period    text not null,
  starts_on date not null,
  value     bigint not null,
  primary key (user_id, metric, period, starts_on)
);
create index if not exists frozen_board on learn_shard.frozen (metric, period, starts_on, value);
comment on table learn_shard.frozen is 'On a shard: who stood on a board with what when its period was being closed.';

create table if not exists learn_shard.frozen_periods (
  metric    text not null,
  period    text not null,
  starts_on date not null,
  primary key (metric, period, starts_on)
);
comment on table learn_shard.frozen_periods is 'On a shard: the boards of which frozen has the rows.';

-- On home: the first day of the period to be closed.
-- Errors: as learn.close_period().
create or replace function learn_shard.period_to_close(p_period text, p_metric text, p_on date)
returns date
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_today date := (learn.clock() at time zone 'Etc/GMT+12')::date;  -- where the day ends last
  v_board learn_internal.board := learn_internal.find_board(p_period, p_metric, coalesce(p_on, case p_period
    when 'month' then (v_today - interval '1 month')::date
    when 'week' then v_today - 7
    else v_today - 1 end));
begin
  if p_period = 'all_time' then
    raise exception 'all time does not end'
      using errcode = 'LX001', detail = 'p_period = all_time', hint = 'Close a day, a week or a month.';
  elsif v_board.ends_on > v_today then
    raise exception 'the period is not over'
      using errcode = 'LX007', detail = format('%s from %s ends before %s', p_period, v_board.starts_on, v_board.ends_on),
        hint = 'A period is over when its last day is over in every time zone: 12 hours after midnight UTC.';
  end if;
  return v_board.starts_on;
end;
$$;
comment on function learn_shard.period_to_close(text, text, date) is 'On home: the first day of the period to be closed.';

-- On a shard: freezes its part of a board, once, and returns how many stand on each value.
-- Errors: LX015 an account is on its way to another shard.
create or replace function learn_shard.freeze_period(p_metric text, p_period text, p_starts_on date)
returns table (value bigint, users bigint)
language plpgsql
volatile
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_board learn_internal.board;
begin
  perform learn_internal.hold_content();
  insert into learn_shard.frozen_periods (metric, period, starts_on) values (p_metric, p_period, p_starts_on)
  on conflict do nothing;
  if found then
    if exists (select from learn_shard.departed) then
      raise exception 'an account is on its way to another shard, where it is merged'
        using errcode = 'LX015', detail = format('%s %s from %s', p_metric, p_period, p_starts_on),
          hint = 'Call again after learn.merge_users() or `dbtool shards drain`.';
    end if;
    v_board := learn_internal.find_board(p_period, p_metric, p_starts_on);
    insert into learn_shard.frozen (user_id, metric, period, starts_on, value)
    select s.user_id, p_metric, p_period, p_starts_on, s.value
    from learn_internal.board_standings(v_board, null) s;
  end if;
  return query
  select f.value, count(*)
  from learn_shard.frozen f
  where f.metric = p_metric and f.period = p_period and f.starts_on = p_starts_on
  group by f.value;
end;
$$;
comment on function learn_shard.freeze_period(text, text, date) is
  'On a shard: freezes its part of a board, once; returns how many stand on each value.';

-- On a shard: keeps the standings of what it has frozen, with the ranks over all shards ({"value": rank}), and pays the
-- rewards, once. p_users: on all shards.
create or replace function learn_shard.close_period(
  p_metric text, p_period text, p_starts_on date, p_ranks jsonb, p_users bigint
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_source constant text := format('%s %s %s', p_metric, p_period, to_char(p_starts_on, 'YYYY-MM-DD'));
begin
  perform learn_internal.hold_content();
  insert into learn.closed_periods (metric, period, starts_on, users) values (p_metric, p_period, p_starts_on, p_users)
  on conflict (metric, period, starts_on) do nothing;
  if not found then
    return;
  end if;
  insert into learn.period_standings (user_id, metric, period, starts_on, value, rank, xp_paid)
  select f.user_id, f.metric, f.period, f.starts_on, f.value, r.rank, coalesce((
      select max(w.xp) from learn.period_rewards w
      where w.metric = p_metric and w.period = p_period and r.rank between w.rank_from and w.rank_to), 0)
  from learn_shard.frozen f
  cross join lateral (select (p_ranks ->> f.value::text)::bigint as rank) r
  where f.metric = p_metric and f.period = p_period and f.starts_on = p_starts_on
  order by f.user_id;
  -- as learn.close_period() pays
  perform learn_internal.write_facts(array_agg((
      s.user_id, 'period_rewarded', null, null,
      jsonb_build_object('source_type', 'leaderboard', 'source_id', v_source, 'description', format('Rank %s', s.rank)),
      s.xp_paid, learn.clock())::learn_internal.fact order by s.rank, s.user_id))
  from learn.period_standings s
  where s.metric = p_metric and s.period = p_period and s.starts_on = p_starts_on
    and s.xp_paid > 0 and not exists (
      select from learn_internal.recorded_subjects r
      where r.user_id = s.user_id and r.activity_type = 'period_rewarded'
        and r.subject_type = 'leaderboard' and r.subject_id = v_source);
  insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
  select s.user_id, 'period_rewarded', 'leaderboard', v_source
  from learn.period_standings s
  where s.metric = p_metric and s.period = p_period and s.starts_on = p_starts_on and s.xp_paid > 0
  order by s.user_id
  on conflict do nothing;
end;
$$;
comment on function learn_shard.close_period(text, text, date, jsonb, bigint) is
  'On a shard: keeps the standings of what it has frozen, with the ranks over all shards, and pays the rewards, once.';

-- On a shard: what averages over all shards are made of: number and sum for each row of a report.
create or replace function learn_shard.parts(p_report text)
returns table (key text, n bigint, total numeric)
language plpgsql
stable
security definer                  -- the router reads no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  if p_report = 'exam_stats' then
    return query select a.exam_type::text, count(a.score_percentage), sum(a.score_percentage)::numeric
    from learn.quiz_attempts a group by a.exam_type;
  elsif p_report = 'question_stats' then
    return query select a.question_id::text, count(a.time_spent_seconds), sum(a.time_spent_seconds)::numeric
    from learn.user_answers a group by a.question_id;
  elsif p_report = 'daily_challenge_board' then
    return query select a.daily_challenge_id::text, count(a.score), sum(a.score)::numeric
    from learn.daily_challenge_attempts a group by a.daily_challenge_id;
  else
    return query select r.course_id::text, count(r.rating), sum(r.rating)::numeric
    from learn.course_ratings r group by r.course_id;
  end if;
end;
$$;
comment on function learn_shard.parts(text) is 'On a shard: number and sum for each row of a report that has an average.';

grant execute on function learn_shard.period_to_close(text, text, date), learn_shard.freeze_period(text, text, date),
  learn_shard.close_period(text, text, date, jsonb, bigint), learn_shard.parts(text) to learn_router;

reset role;
