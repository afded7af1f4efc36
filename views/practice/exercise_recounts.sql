-- Progress in exercises recounted from the submissions: what user_exercise_progress must say.
create or replace view learn_internal.exercise_recounts as
select q.user_id, q.exercise_id, count(*)::integer as submissions,
  count(*) filter (where not q.is_correct)::integer as wrong_submissions,
  count(*) filter (where q.error_message is not null)::integer as failed_submissions,
  (array_agg(q.is_correct order by q.id))[1] as is_first_try,
  (array_agg(q.submitted_at order by q.id) filter (where q.is_correct))[1] as solved_at
from learn.query_submissions q
group by q.user_id, q.exercise_id;
comment on view learn_internal.exercise_recounts is 'Progress in exercises recounted from query_submissions.';
