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
