-- Progress in exercises recounted from the submissions, in the order in which they were graded,
-- which is the order of their facts: what user_exercise_progress must say.
create or replace view learn_internal.exercise_recounts as
select q.user_id, q.exercise_id, count(*)::integer as submissions,
  count(*) filter (where not q.is_correct)::integer as wrong_submissions,
  count(*) filter (where q.error_message is not null)::integer as failed_submissions,
  (array_agg(q.is_correct order by f.id))[1] as is_first_try,
  (array_agg(q.submitted_at order by f.id) filter (where q.is_correct))[1] as solved_at
from learn.query_submissions q
join learn_internal.all_facts f on f.user_id = q.user_id and f.activity_type = 'exercise_attempted'
  and f.properties -> 'submission_id' = to_jsonb(q.id)
group by q.user_id, q.exercise_id;
comment on view learn_internal.exercise_recounts is
  'Progress in exercises recounted from query_submissions.';
