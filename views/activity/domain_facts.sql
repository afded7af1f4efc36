-- The facts that happen once per subject and that follow from rows of Laurel's own tables:
-- what those tables' keys say, in the words of the log.
create or replace view learn_internal.domain_facts as
select p.user_id, t.activity_type, 'lesson' as subject_type, p.lesson_id::text as subject_id
from learn.user_lesson_progress p
cross join lateral (
  values
    ('lesson_started', p.started_at is not null),
    ('lesson_completed', p.completed_at is not null),
    ('lesson_perfect', p.completed_at is not null)
) t(activity_type, has_happened)
where t.has_happened
union all
select p.user_id, t.activity_type, 'exercise', p.exercise_id::text
from learn.user_exercise_progress p
cross join lateral (
  values
    ('exercise_solved', p.solved_at is not null),
    ('exercise_solved_first_try', p.solved_at is not null)
) t(activity_type, has_happened)
where t.has_happened
union all
select p.user_id, t.activity_type, 'course', p.course_id::text
from learn.user_course_progress p
cross join lateral (
  values
    ('course_enrolled', true),
    ('course_completed', p.completed_at is not null)
) t(activity_type, has_happened)
where t.has_happened
union all
select p.user_id, 'level_completed', 'course_level', p.course_level_id::text
from learn.user_level_unlocks p
where p.completed_at is not null
union all
select p.user_id, 'challenge_completed', 'challenge', p.challenge_id::text
from learn.user_challenge_progress p
where p.completed_at is not null
union all
select p.user_id, 'challenge_level_passed', 'challenge_level', p.challenge_id || ':' || l
from learn.user_challenge_progress p
cross join lateral unnest(p.levels_completed) l
union all
select a.user_id, 'daily_challenge_completed', 'daily_challenge', a.daily_challenge_id::text
from learn.daily_challenge_attempts a
where a.passed
union all
select p.user_id, 'track_completed', 'track', p.track_id::text
from learn.user_track_progress p
where p.completed_at is not null
union all
select p.user_id, 'path_completed', 'path', p.path_id::text
from learn.user_path_progress p
where p.completed_at is not null
union all
select p.user_id, 'difficulty_completed', 'difficulty', p.difficulty
from learn.user_difficulty_progress p
union all
select d.author_id, 'discussion_posted', 'discussion', d.id::text
from learn.discussions d
where d.author_id is not null
union all
select r.author_id, 'reply_posted', 'reply', r.id::text
from learn.replies r
where r.author_id is not null
union all
select r.author_id, 'solution_accepted', 'reply', r.id::text
from learn.replies r
where r.first_accepted_at is not null and r.author_id is not null;
comment on view learn_internal.domain_facts is
  'Facts that happen once per subject and follow from rows of Laurel''s own tables. '
  'A lesson or exercise that is done settles the bonus facts of it too, earned or not.';
