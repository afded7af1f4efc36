-- What each fact adds to boards, on which date of the user's: the source of the boards of periods.
-- A fact is never recorded before its date begins anywhere: a condition on recorded_at leaves older
-- partitions alone.
create or replace view learn_internal.board_facts as
select t.user_id, 'xp' as metric, false as is_maximum, t.earned_on as local_date,
  t.amount::bigint as amount, t.created_at as recorded_at
from learn.xp_transactions t
where exists (select from learn.metrics m where m.key = 'xp' and m.is_board)
  and t.activity_type not in (select a.key from learn.activity_types a where not a.is_on_boards)
union all
select f.user_id, m.key, m.aggregate = 'max', f.local_date,
  case when m.property is null then 1
    else learn_internal.number_property(f.properties, m.property)::bigint end,
  f.recorded_at
from learn.metrics m
join learn_internal.counted_facts f on f.activity_type = m.activity_type and f.properties @> m.filter
where m.is_board and m.aggregate in ('count', 'sum', 'max')
union all
select d.user_id, m.key, false, d.activity_date, 1, 'infinity'
from learn.metrics m
join learn_internal.user_metric_days d on d.metric = m.key and d.scope = ''
where m.is_board and m.aggregate = 'distinct_days'
union all
select d.user_id, 'active_days', false, d.activity_date, 1, 'infinity'
from learn.user_activity_days d
where not d.is_freeze
  and exists (select from learn.metrics m where m.key = 'active_days' and m.is_board);
comment on view learn_internal.board_facts is
  'What facts add to boards, per user, metric and local date. recorded_at bounds the partitions read.';

-- What users have reached of all time in the metrics with boards.
create or replace view learn_internal.board_totals as
select s.user_id, v.metric, v.value
from learn.user_stats s
cross join lateral (
  values
    ('xp', s.total_xp - s.reward_xp),
    ('level_reached', s.highest_level::bigint),
    ('active_days', s.active_days::bigint)
) v(metric, value)
where v.metric in (select m.key from learn.metrics m where m.is_board)
union all
select v.user_id, m.key, v.value
from learn.metrics m
join learn.user_metrics v on v.metric = m.key and v.scope = ''
where m.is_board;
comment on view learn_internal.board_totals is
  'Values of all time per user and metric with boards, but for streaks: those are in streak_ends.';

-- The boards recounted from the facts: what board_scores must say once everything is merged.
-- Filter by user_id: it reaches the tables.
create or replace view learn_internal.board_recounts as
select f.user_id, f.metric, p.period, p.starts_on,
  (case when bool_or(f.is_maximum) then max(f.amount) else sum(f.amount) end)::bigint as value,
  'infinity'::timestamptz as lapses_at
from (  -- first by days, of which there are fewer than facts
  select d.user_id, d.metric, d.local_date, bool_or(d.is_maximum) as is_maximum,
    case when bool_or(d.is_maximum) then max(d.amount) else sum(d.amount) end as amount
  from learn_internal.board_facts d
  where d.amount is not null
    and d.local_date >= (select date_trunc('month', s.kept_from::timestamp)::date - 6 from learn_internal.board_state s)
    and d.recorded_at >= (
      select date_trunc('month', s.kept_from::timestamp) - interval '8 days' from learn_internal.board_state s)
  group by d.user_id, d.metric, d.local_date
) f
cross join lateral (
  values
    ('day', f.local_date, f.local_date + 1),
    ('week', date_trunc('week', f.local_date::timestamp)::date,
      date_trunc('week', f.local_date::timestamp)::date + 7),
    ('month', date_trunc('month', f.local_date::timestamp)::date,
      (date_trunc('month', f.local_date::timestamp) + interval '1 month')::date)
) p(period, starts_on, ends_on)
where p.ends_on > (select s.kept_from from learn_internal.board_state s)
group by f.user_id, f.metric, p.period, p.starts_on
union all
select t.user_id, t.metric, 'all_time', '-infinity'::date, t.value, 'infinity'::timestamptz
from learn_internal.board_totals t
union all
select e.user_id, 'current_streak', 'all_time', '-infinity'::date, e.days, e.ends_at
from learn_internal.streak_ends e
where e.ends_at > (select learn.clock())
  and exists (select from learn.metrics m where m.key = 'current_streak' and m.is_board);
comment on view learn_internal.board_recounts is
  'The boards that board_scores keeps, recounted from the facts, whether users want to be seen or not.';

-- What boards say of each user: the last merge and what was gained since. Users who are to be recounted, and
-- streaks that are to be looked up, are not here.
create or replace view learn_internal.board_values as
select v.user_id, v.metric, v.period, v.starts_on,
  (case when bool_or(m.aggregate = 'max') then max(v.value) else sum(v.value) end)::bigint as value,
  min(v.lapses_at) as lapses_at
from (
  select s.user_id, s.metric, s.period, s.starts_on, s.value, s.lapses_at
  from learn_internal.board_scores s
  where s.lapses_at > (select learn.clock())
  union all
  select g.user_id, g.metric, p.period, p.starts_on, g.amount, 'infinity'
  from learn_internal.board_gains g
  join learn.users u on u.id = g.user_id and u.is_active and u.show_on_leaderboard
  cross join lateral (
    values
      ('day', g.local_date),
      ('week', date_trunc('week', g.local_date::timestamp)::date),
      ('month', date_trunc('month', g.local_date::timestamp)::date),
      ('all_time', '-infinity'::date)
  ) p(period, starts_on)
  where p.period = 'all_time' or g.local_date > '-infinity'
) v
join learn.metrics m on m.key = v.metric and m.is_board
where not exists (
  select from learn_internal.board_gains k
  where k.user_id = v.user_id
    and (k.metric = '' or k.metric = 'current_streak' and v.metric = 'current_streak'))
group by v.user_id, v.metric, v.period, v.starts_on;
comment on view learn_internal.board_values is
  'What boards say of each user: the last merge and what was gained since.';

-- Where boards are not what the facts say: the part of check_integrity() about leaderboards.
create or replace view learn_internal.board_damage as
select 'boards_follow_from_facts' as check_name, w.user_id,
  format('%s %s %s: %s until %s', w.metric, w.period, w.starts_on, sum(w.due), max(w.lapses_at) filter (where w.is_due))
    as expected,
  format('%s until %s', sum(w.value), max(w.lapses_at) filter (where not w.is_due)) as actual
from (
  select c.user_id, c.metric, c.period, c.starts_on, c.value as due, 0 as value, c.lapses_at, true as is_due
  from learn_internal.board_recounts c
  join learn.users u on u.id = c.user_id and u.is_active and u.show_on_leaderboard
  where not exists (
    select from learn_internal.board_gains k
    where k.user_id = c.user_id
      and (k.metric = '' or k.metric = 'current_streak' and c.metric = 'current_streak'))
  union all
  select v.user_id, v.metric, v.period, v.starts_on, 0, v.value, v.lapses_at, false
  from learn_internal.board_values v
  where v.period = 'all_time' or (v.starts_on + case v.period
      when 'day' then interval '1 day' when 'week' then interval '7 days'
      else interval '1 month' end)::date
    > (select s.kept_from from learn_internal.board_state s)
) w
group by w.user_id, w.metric, w.period, w.starts_on
having sum(w.due) <> sum(w.value) or min(w.lapses_at) <> max(w.lapses_at)
union all
select 'names_on_boards_are_usernames', s.user_id, lower(u.username), s.name
from learn_internal.board_scores s
join learn.users u on u.id = s.user_id
where s.name <> lower(u.username) and not exists (
  select from learn_internal.board_gains k where k.user_id = s.user_id and k.metric = '');
comment on view learn_internal.board_damage is
  'Where boards are not what the facts say; no row when all is well.';

-- Where stretches of boards do not count the users in them: the part of check_integrity() about boards that is nobody's.
create or replace view learn_internal.board_stretch_damage (check_name, user_id, expected, actual) as
select 'stretches_of_boards_are_counted', null::uuid,
  format('%s %s %s from %s: %s', f.metric, f.period, f.starts_on, f.floor, c.users), f.users::text
from (
  select w.*, lead(w.floor, 1, 9223372036854775807)
    over (partition by w.metric, w.period, w.starts_on order by w.floor) as until
  from learn_internal.board_stretches w
) f
cross join lateral (
  select count(*) as users
  from learn_internal.board_scores s
  where s.metric = f.metric and s.period = f.period and s.starts_on = f.starts_on
    and s.value > 0 and s.value >= f.floor and s.value < f.until
) c
where f.users <> c.users
union all
select 'stretches_of_boards_are_counted', null::uuid,
  format('%s %s %s from 1', b.metric, b.period, b.starts_on), 'no stretch'
from (select distinct s.metric, s.period, s.starts_on from learn_internal.board_scores s where s.value > 0) b
where not exists (
  select from learn_internal.board_stretches f
  where f.metric = b.metric and f.period = b.period and f.starts_on = b.starts_on and f.floor = 1);
comment on view learn_internal.board_stretch_damage is
  'Where stretches of boards do not count the users in them; no row when all is well.';
