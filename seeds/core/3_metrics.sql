-- What is counted for every user. A definition that differs is brought up to date, and the metric recounted.
insert into learn.metrics as m
  (key, activity_type, aggregate, filter, scope_property, reset_activity_type, reset_filter, is_board, description)
values
  ('registrations', 'user_registered', 'count', '{}', null, null, '{}', false, 'Accounts made: 1.'),
  ('queries_executed', 'exercise_attempted', 'count', '{}', null, null, '{}', false, 'Queries run for exercises.'),
  ('exercises_solved', 'exercise_solved', 'count', '{}', null, null, '{}', true, 'Exercises solved.'),
  ('lessons_completed', 'lesson_completed', 'count', '{}', null, null, '{}', true, 'Lessons completed.'),
  ('lessons_clean', 'lesson_completed', 'count', '{"has_exercises": true, "is_clean": true}', null, null, '{}', false,
    'Lessons with exercises completed without a query that failed to execute.'),
  ('lessons_first_try', 'lesson_completed', 'count', '{"has_exercises": true, "is_first_try": true}', null, null, '{}',
    false, 'Lessons with exercises that were all solved with the first submission.'),
  ('lessons_fast', 'lesson_completed', 'count', '{"is_fast": true}', null, null, '{}', false,
    'Lessons completed in under speed_runner_seconds after start_lesson().'),
  ('lesson_solve_run', 'lesson_completed', 'run', '{"has_exercises": true, "is_flawless": true}', null,
    'exercise_attempted', '{"is_correct": false}', false,
    'Lessons with exercises completed in a row without a wrong submission.'),
  ('courses_completed', 'course_completed', 'count', '{}', null, null, '{}', true, 'Courses completed.'),
  ('tracks_completed', 'track_completed', 'count', '{}', null, null, '{}', true, 'Tracks completed.'),
  ('difficulty_completed', 'difficulty_completed', 'count', '{}', 'difficulty', null, '{}', false,
    'Difficulties of which all published tracks are completed.'),
  ('paths_completed', 'path_completed', 'count', '{}', null, null, '{}', false, 'Learning paths completed.'),
  ('quizzes_completed', 'quiz_completed', 'count', '{}', 'exam_type', null, '{}', true, 'Quizzes completed.'),
  ('perfect_quizzes', 'quiz_completed', 'count', '{"is_perfect": true}', null, null, '{}', false,
    'Quizzes of enough questions with every answer correct.'),
  ('high_score_quizzes', 'quiz_completed', 'count', '{"is_high_score": true}', null, null, '{}', false,
    'Quizzes of enough questions with 90 % or more.'),
  ('correct_answers', 'question_answered_correctly', 'count', '{}', null, null, '{}', true,
    'Quiz questions answered correctly.'),
  ('challenges_completed', 'challenge_completed', 'count', '{}', 'category', null, '{}', true, 'Challenges completed.'),
  ('challenge_levels_passed', 'challenge_level_passed', 'count', '{}', null, null, '{}', false,
    'Levels of challenges passed.'),
  ('daily_challenges_completed', 'daily_challenge_completed', 'count', '{}', null, null, '{}', false,
    'Daily challenges passed.'),
  ('solutions_accepted', 'solution_accepted', 'count', '{}', null, null, '{}', true, 'Replies accepted as solutions.'),
  ('xp', null, 'stat', '{}', null, null, '{}', true, 'Total XP.'),
  ('level_reached', null, 'stat', '{}', null, null, '{}', false, 'Highest level reached.'),
  ('current_streak', null, 'stat', '{}', null, null, '{}', true, 'Days in a row; for achievements, the longest run.'),
  ('active_days', null, 'stat', '{}', null, null, '{}', true, 'Days with a learning act.')
on conflict (key) do update
  set activity_type = excluded.activity_type, aggregate = excluded.aggregate, filter = excluded.filter,
    scope_property = excluded.scope_property, reset_activity_type = excluded.reset_activity_type,
    reset_filter = excluded.reset_filter, description = excluded.description
  where (m.activity_type, m.aggregate, m.filter, m.scope_property, m.reset_activity_type, m.reset_filter, m.description)
    is distinct from (excluded.activity_type, excluded.aggregate, excluded.filter, excluded.scope_property,
      excluded.reset_activity_type, excluded.reset_filter, excluded.description);
