-- The 27 achievements of the quiz, in 9 categories; 15 of them unlock the avatars that are not
-- everyone's. Seeding again brings names and rules up to date, and the texts to what the settings
-- quiz_minimum_questions and quiz_high_score_percentage say.
select learn_internal.use_product('comptia_quiz');

with rows
  (slug, name, description, icon, category, system, rarity, criteria, xp_reward,
   unlocks_avatar_id, display_order)
as (
select d.slug, d.name, learn_internal.fill_placeholders(d.description, jsonb_build_object(
    'minimum', learn_internal.setting_number('quiz_minimum_questions'),
    'high', learn_internal.setting_number('quiz_high_score_percentage'))), d.icon, d.category, 'comptia_quiz', d.rarity,
  d.criteria::jsonb, d.xp_reward, v.id, 300 + d.position
from (values
  ('first-quiz', 'First Quiz',
    'Complete your first quiz of at least {minimum} questions.', '🎬',
    'Getting Started', 'common',
    '{"metric": "quizzes_completed", "at_least": 1}', 25, 'first-cable', 1),
  ('quiz-regular', 'Quiz Regular',
    'Complete 10 quizzes of at least {minimum} questions.', '📝',
    'Getting Started', 'common',
    '{"metric": "quizzes_completed", "at_least": 10}', 50, null, 2),
  ('quiz-centurion', 'Quiz Centurion',
    'Complete 100 quizzes of at least {minimum} questions.', '🏛️',
    'Getting Started', 'legendary',
    '{"metric": "quizzes_completed", "at_least": 100}', 500, 'mainframe', 3),

  ('high-scorer', 'High Scorer',
    'Score {high} % or more in a quiz of at least {minimum} questions.', '🎯',
    'Accuracy', 'common',
    '{"metric": "high_score_quizzes", "at_least": 1}', 25, 'sharpened-pencil', 4),
  ('consistently-excellent', 'Consistently Excellent',
    'Score {high} % or more in 10 quizzes of at least {minimum} questions.', '🏅',
    'Accuracy', 'rare',
    '{"metric": "high_score_quizzes", "at_least": 10}', 150, null, 5),
  ('flawless-exam', 'Flawless Exam',
    'Answer every question of a quiz of at least {minimum} questions correctly.', '💯',
    'Accuracy', 'epic',
    '{"metric": "perfect_quizzes", "at_least": 1}', 100, 'bullseye', 6),
  ('perfectionist', 'Perfectionist',
    'Answer every question of 25 quizzes of at least {minimum} questions correctly.', '💎',
    'Accuracy', 'legendary',
    '{"metric": "perfect_quizzes", "at_least": 25}', 500, 'diamond', 7),

  ('one-hundred-right', 'One Hundred Right',
    'Answer 100 questions correctly in quizzes of at least {minimum} questions.', '✅',
    'Question Milestones', 'common',
    '{"metric": "correct_answers", "at_least": 100}', 50, null, 8),
  ('five-hundred-right', 'Five Hundred Right',
    'Answer 500 questions correctly in quizzes of at least {minimum} questions.', '📚',
    'Question Milestones', 'epic',
    '{"metric": "correct_answers", "at_least": 500}', 150, 'bookworm', 9),
  ('one-thousand-right', 'One Thousand Right',
    'Answer 1,000 questions correctly in quizzes of at least {minimum} questions.', '🧠',
    'Question Milestones', 'epic',
    '{"metric": "correct_answers", "at_least": 1000}', 250, null, 10),
  ('five-thousand-right', 'Five Thousand Right',
    'Answer 5,000 questions correctly in quizzes of at least {minimum} questions.', '🔮',
    'Question Milestones', 'legendary',
    '{"metric": "correct_answers", "at_least": 5000}', 1000, 'oracle', 11),

  ('three-day-habit', 'Three-Day Habit', 'Study on 3 days in a row.', '💡',
    'Study Streaks', 'common',
    '{"metric": "current_streak", "at_least": 3}', 25, 'study-lamp', 12),
  ('study-week', 'Study Week', 'Study on 7 days in a row.', '📅',
    'Study Streaks', 'epic',
    '{"metric": "current_streak", "at_least": 7}', 75, 'calendar-keeper', 13),
  ('study-month', 'Study Month', 'Study on 30 days in a row.', '🗓️',
    'Study Streaks', 'epic',
    '{"metric": "current_streak", "at_least": 30}', 300, null, 14),
  ('hundred-days-of-study', 'Hundred Days of Study', 'Study on 100 days in a row.', '🔥',
    'Study Streaks', 'legendary',
    '{"metric": "current_streak", "at_least": 100}', 1000, 'eternal-flame', 15),

  ('core-1-apprentice', 'Core 1 Apprentice',
    'Complete 5 quizzes of A+ Core 1 with at least {minimum} questions.', '🔩',
    'A+ Core 1', 'common',
    '{"metric": "quizzes_completed", "scope": "a1201", "at_least": 5}', 50, null, 16),
  ('core-1-technician', 'Core 1 Technician',
    'Complete 25 quizzes of A+ Core 1 with at least {minimum} questions.', '🖥️',
    'A+ Core 1', 'epic',
    '{"metric": "quizzes_completed", "scope": "a1201", "at_least": 25}', 200, 'motherboard', 17),

  ('core-2-apprentice', 'Core 2 Apprentice',
    'Complete 5 quizzes of A+ Core 2 with at least {minimum} questions.', '🪛',
    'A+ Core 2', 'common',
    '{"metric": "quizzes_completed", "scope": "a1202", "at_least": 5}', 50, null, 18),
  ('core-2-technician', 'Core 2 Technician',
    'Complete 25 quizzes of A+ Core 2 with at least {minimum} questions.', '🧰',
    'A+ Core 2', 'epic',
    '{"metric": "quizzes_completed", "scope": "a1202", "at_least": 25}', 200, 'toolbox', 19),

  ('network-apprentice', 'Network Apprentice',
    'Complete 5 quizzes of Network+ with at least {minimum} questions.', '🔌',
    'Network+', 'common',
    '{"metric": "quizzes_completed", "scope": "network", "at_least": 5}', 50, null, 20),
  ('network-specialist', 'Network Specialist',
    'Complete 25 quizzes of Network+ with at least {minimum} questions.', '🌐',
    'Network+', 'epic',
    '{"metric": "quizzes_completed", "scope": "network", "at_least": 25}', 200, 'router', 21),

  ('security-apprentice', 'Security Apprentice',
    'Complete 5 quizzes of Security+ with at least {minimum} questions.', '🔑',
    'Security+', 'common',
    '{"metric": "quizzes_completed", "scope": "security", "at_least": 5}', 50, null, 22),
  ('security-specialist', 'Security Specialist',
    'Complete 25 quizzes of Security+ with at least {minimum} questions.', '🛡️',
    'Security+', 'epic',
    '{"metric": "quizzes_completed", "scope": "security", "at_least": 25}', 200, 'firewall', 23),

  ('rising-candidate', 'Rising Candidate', 'Reach level 5.', '🌱',
    'Levels', 'common',
    '{"metric": "level_reached", "at_least": 5}', 50, null, 24),
  ('exam-ready', 'Exam Ready', 'Reach level 10.', '🎓',
    'Levels', 'rare',
    '{"metric": "level_reached", "at_least": 10}', 100, null, 25),
  ('master-candidate', 'Master Candidate', 'Reach level 25.', '🚀',
    'Levels', 'epic',
    '{"metric": "level_reached", "at_least": 25}', 250, null, 26),
  ('exam-legend', 'Exam Legend', 'Reach level 50.', '👑',
    'Levels', 'legendary',
    '{"metric": "level_reached", "at_least": 50}', 500, 'crown', 27)
) d(slug, name, description, icon, category, rarity, criteria, xp_reward, avatar, position)
left join learn.avatars v on v.slug = d.avatar
order by d.position
)
select learn_internal.merge_rows(
  'learn.achievements', '{slug}', jsonb_agg(to_jsonb(r))) as achievements
from rows r;
