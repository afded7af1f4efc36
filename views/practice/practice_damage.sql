-- Where progress in exercises is not what the submissions say: the part of check_integrity()
-- about practice.
create or replace view learn_internal.practice_damage (check_name, user_id, expected, actual) as
select 'exercise_progress_follows_from_submissions', w.user_id,
  format('exercise %s: %s', w.exercise_id, case when bool_or(w.is_due) then (
    max(w.submissions) filter (where w.is_due), max(w.wrong) filter (where w.is_due),
    max(w.failed) filter (where w.is_due), bool_or(w.is_first_try) filter (where w.is_due),
    max(w.solved_at) filter (where w.is_due))::text end),
  format('exercise %s: %s', w.exercise_id, case when not bool_and(w.is_due) then (
    max(w.submissions) filter (where not w.is_due), max(w.wrong) filter (where not w.is_due),
    max(w.failed) filter (where not w.is_due), bool_or(w.is_first_try) filter (where not w.is_due),
    max(w.solved_at) filter (where not w.is_due))::text end)
from (
  select r.user_id, r.exercise_id, true as is_due, r.submissions, r.wrong_submissions as wrong,
    r.failed_submissions as failed, r.is_first_try, r.solved_at
  from learn_internal.exercise_recounts r
  union all
  select p.user_id, p.exercise_id, false, p.submissions, p.wrong_submissions, p.failed_submissions, p.is_first_try,
    p.solved_at
  from learn.user_exercise_progress p
) w
group by w.user_id, w.exercise_id
having count(*) = 1 or min(w.submissions) <> max(w.submissions) or min(w.wrong) <> max(w.wrong)
  or min(w.failed) <> max(w.failed) or bool_and(w.is_first_try) <> bool_or(w.is_first_try)
  or count(w.solved_at) = 1 or min(w.solved_at) <> max(w.solved_at);
comment on view learn_internal.practice_damage is
  'Where progress in exercises is not what the submissions say; no row when all is well.';
