-- Progress in challenges recounted from the attempts: what user_challenge_progress must say.
-- Filter by user_id: the condition reaches the table.
create or replace view learn_internal.challenge_recounts as
select a.user_id, a.challenge_id,
  array_agg(distinct a.level_number) filter (where a.passed) as levels_completed,
  coalesce(max(a.level_number) filter (where a.passed), 0) as current_level,
  count(*)::integer as total_attempts,
  coalesce(sum(a.time_spent_seconds), 0)::bigint as time_spent_seconds,
  max(a.score) as best_score, min(a.created_at) as started_at,
  max(a.created_at) filter (where a.passed) as last_passed_at
from learn.level_attempts a
group by a.user_id, a.challenge_id;
comment on view learn_internal.challenge_recounts is
  'Progress per user and challenge, recounted from level_attempts.';
