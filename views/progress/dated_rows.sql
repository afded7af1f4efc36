-- What rows of learners' progress say to have happened once, and when.
create or replace view learn_internal.dated_rows (user_id, activity_type, subject_type, subject_id, at) as
select p.user_id, 'lesson_completed', 'lesson', p.lesson_id::text, p.completed_at
from learn.user_lesson_progress p
union all
select p.user_id, 'lesson_started', 'lesson', p.lesson_id::text, p.started_at
from learn.user_lesson_progress p
union all
select p.user_id, 'course_enrolled', 'course', p.course_id::text, p.enrolled_at
from learn.user_course_progress p
union all
select p.user_id, 'course_completed', 'course', p.course_id::text, p.completed_at
from learn.user_course_progress p
union all
select p.user_id, 'level_completed', 'course_level', p.course_level_id::text, p.completed_at
from learn.user_level_unlocks p
union all
select p.user_id, 'track_completed', 'track', p.track_id::text, p.completed_at
from learn.user_track_progress p
union all
select p.user_id, 'path_completed', 'path', p.path_id::text, p.completed_at
from learn.user_path_progress p
union all
select p.user_id, 'difficulty_completed', 'difficulty', p.difficulty, p.completed_at
from learn.user_difficulty_progress p
union all
select p.user_id, 'challenge_completed', 'challenge', p.challenge_id::text, p.completed_at
from learn.user_challenge_progress p
union all
select p.user_id, 'skill_mastered', 'skill', p.skill_id::text, p.mastered_at
from learn.user_skills p;
comment on view learn_internal.dated_rows is
  'What rows of learners'' progress say to have happened once, and when; null: not yet.';
