-- The boards recounted from the facts: what board_scores must say once everything is folded.
-- Filter by user_id: it reaches the tables.
create or replace view learn_internal.board_recounts as
select f.user_id, f.metric, p.period, p.starts_on,
  (case when bool_or(f.is_maximum) then max(f.amount) else sum(f.amount) end)::bigint as value,
  'infinity'::timestamptz as lapses_at
from learn_internal.board_facts f
cross join lateral (
  values
    ('day', f.local_date, f.local_date + 1),
    ('week', date_trunc('week', f.local_date::timestamp)::date,
      date_trunc('week', f.local_date::timestamp)::date + 7),
    ('month', date_trunc('month', f.local_date::timestamp)::date,
      (date_trunc('month', f.local_date::timestamp) + interval '1 month')::date)
) p(period, starts_on, ends_on)
where f.amount is not null
  and p.ends_on > (select s.kept_from from learn_internal.board_state s)
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
