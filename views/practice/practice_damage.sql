-- Where progress in exercises is not what the submissions say: the part of check_integrity()
-- about practice.
create or replace view learn_internal.practice_damage (check_name, user_id, expected, actual) as
select 'exercise_progress_follows_from_submissions', w.user_id,
  format('exercise %s: %s', w.exercise_id, max(w.progress::text) filter (where w.is_due)),
  format('exercise %s: %s', w.exercise_id, max(w.progress::text) filter (where not w.is_due))
from (
  select r.user_id, r.exercise_id, true as is_due,
    (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at) as progress
  from learn_internal.exercise_recounts r
  union all
  select p.user_id, p.exercise_id, false,
    (p.submissions, p.wrong_submissions, p.failed_submissions, p.is_first_try, p.solved_at)
  from learn.user_exercise_progress p
) w
group by w.user_id, w.exercise_id
having max(w.progress::text) filter (where w.is_due) is distinct from max(w.progress::text) filter (where not w.is_due);
comment on view learn_internal.practice_damage is
  'Where progress in exercises is not what the submissions say; no row when all is well.';
