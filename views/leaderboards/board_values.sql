-- What boards say of each user: the last merge and what was gained since. Users who are to be recounted, and
-- streaks that are to be looked up, are not here.
create or replace view learn_internal.board_values as
select v.user_id, v.metric, v.period, v.starts_on,
  (case when bool_or(m.aggregate = 'max' or m.key = 'longest_streak') then max(v.value) else sum(v.value) end)::bigint as value,
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
