-- Where progress in exercises is not what the submissions say: the part of check_integrity()
-- about practice.
create or replace view learn_internal.practice_damage (check_name, user_id, expected, actual) as
select 'exercise_progress_follows_from_submissions', coalesce(r.user_id, p.user_id),
  format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
    (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)),
  format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
    (p.submissions, p.wrong_submissions, p.failed_submissions, p.is_first_try, p.solved_at))
from learn_internal.exercise_recounts r
full join learn.user_exercise_progress p
  on r.user_id = p.user_id and r.exercise_id = p.exercise_id
where (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)
  is distinct from (p.submissions, p.wrong_submissions,
    p.failed_submissions, p.is_first_try, p.solved_at);
comment on view learn_internal.practice_damage is
  'Where progress in exercises is not what the submissions say; no row when all is well.';
