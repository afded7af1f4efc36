-- What the boards that board_scores keeps are made of, recounted from the facts: values of all time, and what each day
-- adds to the periods that it is in, a row for each, of users who want to be seen. Filter by user_id: it reaches the tables.
create or replace view learn_internal.board_addends as
select f.user_id, f.metric, p.period, p.starts_on, f.amount, f.is_maximum, 'infinity'::timestamptz as lapses_at
from (  -- first by days, of which there are fewer than facts
  select d.user_id, d.metric, d.local_date, d.is_maximum,
    (case when d.is_maximum then max(d.amount) else sum(d.amount) end)::bigint as amount
  from learn_internal.board_facts d
  where d.amount is not null
    and d.local_date >= (select date_trunc('month', s.kept_from::timestamp)::date - 6 from learn_internal.board_state s)
    and d.recorded_at >= (
      select date_trunc('month', s.kept_from::timestamp) - interval '8 days' from learn_internal.board_state s)
  group by d.user_id, d.metric, d.local_date, d.is_maximum
) f
join learn.users u on u.id = f.user_id and u.is_active and u.show_on_leaderboard
cross join lateral (
  values
    ('day', f.local_date, (select s.kept_from from learn_internal.board_state s)),
    ('week', f.local_date - (f.local_date - '0001-01-01'::date) % 7,  -- a Monday
      (select date_trunc('week', s.kept_from::timestamp)::date from learn_internal.board_state s)),
    ('month', date_trunc('month', f.local_date::timestamp)::date,
      (select date_trunc('month', s.kept_from::timestamp)::date from learn_internal.board_state s))
) p(period, starts_on, kept_from)
where p.starts_on >= p.kept_from
union all
select e.user_id, e.metric, 'all_time', '-infinity', e.amount, e.is_maximum, e.lapses_at
from learn_internal.board_ever e;
comment on view learn_internal.board_addends is
  'What the boards that board_scores keeps are made of, recounted from the facts: add up, or take the maximum.';
