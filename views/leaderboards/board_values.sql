-- What boards say of each user: the last merge, and what was gained since, to be added to it or to raise it. Users who
-- are to be recounted, streaks that are to be looked up, and periods that boards no longer keep, are not here.
create or replace view learn_internal.board_values as
select v.user_id, v.metric, v.period, v.starts_on, v.value, v.lapses_at,
  m.aggregate = 'max' or m.key = 'longest_streak' as is_maximum
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
where v.starts_on >= case v.period when 'all_time' then '-infinity'
    when 'day' then (select s.kept_from from learn_internal.board_state s)
    when 'week' then (select date_trunc('week', s.kept_from::timestamp)::date from learn_internal.board_state s)
    else (select date_trunc('month', s.kept_from::timestamp)::date from learn_internal.board_state s) end
  and not exists (
  select from learn_internal.board_gains k
  where k.user_id = v.user_id
    and (k.metric = '' or k.metric = 'current_streak' and v.metric = 'current_streak'));
comment on view learn_internal.board_values is
  'What boards say of each user: the last merge and what was gained since.';
