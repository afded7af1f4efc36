-- Progress in challenges recounted from the attempts and from what was imported: what
-- user_challenge_progress must say. Filter by user_id: the condition reaches the tables.
create or replace view learn_internal.challenge_recounts as
select p.user_id, p.challenge_id,
  array_agg(distinct p.level_number) filter (where p.passed) as levels_completed,
  coalesce(max(p.level_number) filter (where p.passed), 0) as current_level,
  count(*) filter (where p.is_attempt)::integer as total_attempts,
  coalesce(sum(p.time_spent_seconds), 0)::bigint as time_spent_seconds,
  max(p.score) as best_score,
  min(p.created_at) filter (where p.is_attempt or p.passed) as started_at,
  max(p.created_at) filter (where p.passed) as last_passed_at,
  min(p.created_at) as unlocked_at
from (
  select a.user_id, a.challenge_id, a.level_number, a.passed, true as is_attempt,
    a.time_spent_seconds, a.score, a.created_at
  from learn.level_attempts a
  union all
  select i.user_id, i.challenge_id, l.level, l.level is not null, false, null, null, i.imported_at
  from learn.imported_challenge_progress i
  left join lateral unnest(i.completed_levels) l(level) on true
) p
group by p.user_id, p.challenge_id;
comment on view learn_internal.challenge_recounts is
  'Progress per user and challenge, recounted from level_attempts and '
  'imported_challenge_progress.';
