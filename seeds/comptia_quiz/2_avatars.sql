-- The 18 avatars of the quiz: 3 that everyone has, 15 that achievements unlock. Seeding again
-- brings names, pictures and texts up to date: those of the achievements.
select learn_internal.use_product('comptia_quiz');

with rows(slug, name, description, image_url, rarity, is_default, display_order) as (values
  ('student', 'Student', 'Yours from the start.',
    '/avatars/student.svg', 'common', true, 1),
  ('night-owl', 'Night Owl', 'Yours from the start.',
    '/avatars/night-owl.svg', 'common', true, 2),
  ('coffee-mug', 'Coffee Mug', 'Yours from the start.',
    '/avatars/coffee-mug.svg', 'common', true, 3),
  ('first-cable', 'First Cable',
    'Complete your first quiz of at least {minimum} questions.',
    '/avatars/first-cable.svg', 'rare', false, 4),
  ('sharpened-pencil', 'Sharpened Pencil',
    'Score {high} % or more in a quiz of at least {minimum} questions.',
    '/avatars/sharpened-pencil.svg', 'rare', false, 5),
  ('study-lamp', 'Study Lamp',
    'Study on 3 days in a row.',
    '/avatars/study-lamp.svg', 'rare', false, 6),
  ('bullseye', 'Bullseye',
    'Answer every question of a quiz of at least {minimum} questions correctly.',
    '/avatars/bullseye.svg', 'epic', false, 7),
  ('bookworm', 'Bookworm',
    'Answer 500 questions correctly in quizzes of at least {minimum} questions.',
    '/avatars/bookworm.svg', 'epic', false, 8),
  ('calendar-keeper', 'Calendar Keeper',
    'Study on 7 days in a row.',
    '/avatars/calendar-keeper.svg', 'epic', false, 9),
  ('motherboard', 'Motherboard',
    'Complete 25 quizzes of A+ Core 1 with at least {minimum} questions.',
    '/avatars/motherboard.svg', 'epic', false, 10),
  ('toolbox', 'Toolbox',
    'Complete 25 quizzes of A+ Core 2 with at least {minimum} questions.',
    '/avatars/toolbox.svg', 'epic', false, 11),
  ('router', 'Router',
    'Complete 25 quizzes of Network+ with at least {minimum} questions.',
    '/avatars/router.svg', 'epic', false, 12),
  ('firewall', 'Firewall',
    'Complete 25 quizzes of Security+ with at least {minimum} questions.',
    '/avatars/firewall.svg', 'epic', false, 13),
  ('diamond', 'Diamond',
    'Answer every question of 25 quizzes of at least {minimum} questions correctly.',
    '/avatars/diamond.svg', 'legendary', false, 14),
  ('oracle', 'Oracle',
    'Answer 5,000 questions correctly in quizzes of at least {minimum} questions.',
    '/avatars/oracle.svg', 'legendary', false, 15),
  ('eternal-flame', 'Eternal Flame',
    'Study on 100 days in a row.',
    '/avatars/eternal-flame.svg', 'legendary', false, 16),
  ('mainframe', 'Mainframe',
    'Complete 100 quizzes of at least {minimum} questions.',
    '/avatars/mainframe.svg', 'legendary', false, 17),
  ('crown', 'Crown',
    'Reach level 50.',
    '/avatars/crown.svg', 'legendary', false, 18)
)
select learn_internal.merge_rows(
  'learn.avatars', '{slug}', jsonb_agg(to_jsonb(r) || jsonb_build_object(
    'description', learn_internal.fill_placeholders(r.description, jsonb_build_object(
      'minimum', learn_internal.setting_number('quiz_minimum_questions'),
      'high', learn_internal.setting_number('quiz_high_score_percentage')))))) as avatars
from rows r;
