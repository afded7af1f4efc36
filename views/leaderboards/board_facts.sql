-- What each fact adds to boards, on which date of the user's: the source of the boards of periods.
-- A fact is never recorded before its date begins anywhere: a condition on recorded_at leaves older
-- partitions alone.
create or replace view learn_internal.board_facts as
select t.user_id, 'xp' as metric, false as is_maximum, t.earned_on as local_date,
  t.amount::bigint as amount, t.created_at as recorded_at
from learn_internal.all_payments t
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
  and exists (select from learn.metrics m where m.key = 'active_days' and m.is_board)
union all
select d.user_id, 'longest_streak', true, d.activity_date, d.streak, 'infinity'
from learn_internal.streak_days d
where not d.is_freeze
  and exists (select from learn.metrics m where m.key = 'longest_streak' and m.is_board);
comment on view learn_internal.board_facts is
  'What facts add to boards, per user, metric and local date. recorded_at bounds the partitions read.';
