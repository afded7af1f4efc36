-- Progress in exercises recounted from the submissions, in the order in which they were graded,
-- which is the order of their facts: what user_exercise_progress must say. Submissions and facts are matched by
-- grouping, not by a join: so a learner's are read once.
create or replace view learn_internal.exercise_recounts as
select s.user_id, s.exercise_id, count(*)::integer as submissions,
  count(*) filter (where not s.is_correct)::integer as wrong_submissions,
  count(*) filter (where s.has_failed)::integer as failed_submissions,
  min(s.fact_id) filter (where s.is_correct) is not distinct from min(s.fact_id) as is_first_try,
  (array_agg(s.submitted_at order by s.fact_id) filter (where s.is_correct))[1] as solved_at
from (
  select w.user_id, max(w.exercise_id) as exercise_id, bool_or(w.is_correct) as is_correct,
    bool_or(w.has_failed) as has_failed, max(w.submitted_at) as submitted_at, min(w.fact_id) as fact_id
  from (
    select q.user_id, q.id::text as submission_id, q.exercise_id, q.is_correct,
      q.error_message is not null as has_failed, q.submitted_at, null::bigint as fact_id
    from learn.query_submissions q
    union all
    select f.user_id, f.properties ->> 'submission_id', null, null, null, null, f.id
    from learn_internal.all_facts f
    where f.activity_type = 'exercise_attempted'
  ) w
  group by w.user_id, w.submission_id
  having count(w.exercise_id) > 0 and count(w.fact_id) > 0
) s
group by s.user_id, s.exercise_id;
comment on view learn_internal.exercise_recounts is
  'Progress in exercises recounted from query_submissions.';
