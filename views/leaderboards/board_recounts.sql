-- The boards recounted from the facts: what board_scores must say once everything is merged.
-- Filter by user_id: it reaches the tables.
create or replace view learn_internal.board_recounts as
select a.user_id, a.metric, a.period, a.starts_on,
  (case when bool_or(a.is_maximum) then max(a.amount) else sum(a.amount) end)::bigint as value,
  min(a.lapses_at) as lapses_at
from learn_internal.board_addends a
group by a.user_id, a.metric, a.period, a.starts_on;
comment on view learn_internal.board_recounts is
  'The boards that board_scores keeps, recounted from the facts, of users who want to be seen.';
