-- The 20 badges of the SQL platform, in 5 categories. They pay no XP. Seeding again
-- brings names and rules up to date.
select learn_internal.use_product('sql_platform');

with badges
  (slug, name, description, icon, category, system, rarity, criteria, display_order)
as (values
  ('welcome-aboard', 'Welcome Aboard', 'Create your account.', '👋',
    'Onboarding & First Actions', 'sql_platform', 'common',
    '{"metric": "registrations", "at_least": 1}'::jsonb, 1),
  ('first-query', 'First Query', 'Run your first SQL query.', '⌨️',
    'Onboarding & First Actions', 'sql_platform', 'common',
    '{"metric": "queries_executed", "at_least": 1}', 2),
  ('first-lesson', 'First Lesson', 'Complete your first lesson.', '📗',
    'Onboarding & First Actions', 'sql_platform', 'common',
    '{"metric": "lessons_completed", "at_least": 1}', 3),
  ('first-correct-answer', 'First Correct Answer', 'Get your first correct query result.', '✅',
    'Onboarding & First Actions', 'sql_platform', 'common',
    '{"metric": "exercises_solved", "at_least": 1}', 4),

  ('sql-beginner', 'SQL Beginner', 'Complete 5 lessons.', '🌱',
    'Lesson Progression', 'sql_platform', 'common',
    '{"metric": "lessons_completed", "at_least": 5}', 5),
  ('getting-serious', 'Getting Serious', 'Complete 10 lessons.', '📚',
    'Lesson Progression', 'sql_platform', 'common',
    '{"metric": "lessons_completed", "at_least": 10}', 6),
  ('halfway-there', 'Halfway There', 'Complete 25 lessons.', '⛰️',
    'Lesson Progression', 'sql_platform', 'rare',
    '{"metric": "lessons_completed", "at_least": 25}', 7),
  ('sql-grinder', 'SQL Grinder', 'Complete 50 lessons.', '⚙️',
    'Lesson Progression', 'sql_platform', 'epic',
    '{"metric": "lessons_completed", "at_least": 50}', 8),
  ('lesson-master', 'Lesson Master', 'Complete 100 lessons.', '🎓',
    'Lesson Progression', 'sql_platform', 'legendary',
    '{"metric": "lessons_completed", "at_least": 100}', 9),

  ('track-finisher', 'Track Finisher', 'Complete your first full track.', '🏁',
    'Track / Path Completion', 'sql_platform', 'common',
    '{"metric": "tracks_completed", "at_least": 1}', 10),
  ('multi-track-learner', 'Multi-Track Learner', 'Complete 3 tracks.', '🛤️',
    'Track / Path Completion', 'sql_platform', 'rare',
    '{"metric": "tracks_completed", "at_least": 3}', 11),
  ('sql-explorer', 'SQL Explorer', 'Complete all beginner tracks.', '🧭',
    'Track / Path Completion', 'sql_platform', 'epic',
    '{"metric": "difficulty_completed", "scope": "beginner", "at_least": 1}', 12),
  ('path-master', 'Path Master', 'Complete a full learning path.', '🗺️',
    'Track / Path Completion', 'sql_platform', 'legendary',
    '{"metric": "paths_completed", "at_least": 1}', 13),

  ('clean-query', 'Clean Query', 'Complete a lesson with exercises without a query that fails.', '✨',
    'Performance & Skill', 'sql_platform', 'common',
    '{"metric": "lessons_clean", "at_least": 1}', 14),
  ('one-shot', 'One-Shot', 'Solve every exercise of a lesson on the first attempt.', '🎯',
    'Performance & Skill', 'sql_platform', 'rare',
    '{"metric": "lessons_first_try", "at_least": 1}', 15),
  ('speed-runner', 'Speed Runner', 'Complete a lesson with exercises at a run, against the clock.', '⚡',
    'Performance & Skill', 'sql_platform', 'rare', '{"metric": "lessons_fast", "at_least": 1}', 16),
  ('accuracy-king', 'Accuracy King', 'Complete 10 lessons with exercises in a row without a wrong query.', '👑',
    'Performance & Skill', 'sql_platform', 'legendary',
    '{"metric": "lesson_solve_run", "at_least": 10}', 17),

  ('daily-learner', 'Daily Learner', 'Be active 3 days in a row.', '📅',
    'Consistency & Engagement', 'sql_platform', 'common',
    '{"metric": "current_streak", "at_least": 3}', 18),
  ('weekly-streak', 'Weekly Streak', 'Be active 7 days in a row.', '🔥',
    'Consistency & Engagement', 'sql_platform', 'rare',
    '{"metric": "current_streak", "at_least": 7}', 19),
  ('never-quit', 'Never Quit', 'Be active on 30 days.', '💪',
    'Consistency & Engagement', 'sql_platform', 'epic',
    '{"metric": "active_days", "at_least": 30}', 20)
)
select learn_internal.merge_rows('learn.achievements', '{slug}', jsonb_agg(to_jsonb(b)))
  as achievements
from badges b;
