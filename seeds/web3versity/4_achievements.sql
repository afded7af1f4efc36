-- What Web3Versity counts beyond the core metrics, and its achievements. Those that pay do so for
-- courses, tracks and security. Each asks for what its description says, and nothing else.
select learn_internal.use_product('web3versity');

with definitions(key, activity_type, scope_property, filter, description) as (values
  ('track_courses_completed', 'course_completed', 'track', '{}'::jsonb,
    'Courses completed, also by the slug of their track.'),
  ('advanced_courses_completed', 'course_completed', 'track', '{"difficulty": "advanced"}',
    'Advanced courses completed, also by the slug of their track.'),
  ('category_courses_completed', 'course_completed', 'category', '{}',
    'Courses completed, also by category.'),
  ('perfect_lessons', 'lesson_perfect', null, '{}',
    'Lessons completed with a full score, or with every exercise solved at once.')
)
select learn_internal.merge_rows('learn.metrics', '{key}', jsonb_agg(to_jsonb(d))) as metrics
from definitions d;

with badges(slug, name, description, icon, category, rarity, xp_reward, display_order, criteria) as
(values
  ('first-block', 'First Block', 'Complete your first course.', '🧱', 'Courses', 'common', 50, 101,
    '{"metric": "courses_completed", "at_least": 1}'::jsonb),
  ('curious-explorer', 'Curious Explorer', 'Complete 2 courses of the Explorer track.', '🧭',
    'Courses', 'common', 75, 102,
    '{"metric": "track_courses_completed", "scope": "explorer", "at_least": 2}'),
  ('block-explorer', 'Block Explorer', 'Complete every course of the Explorer track.', '🔭',
    'Courses', 'epic', 250, 103,
    '{"metric": "tracks_completed", "scope": "explorer", "at_least": 1}'),
  ('hello-contract', 'Hello, Contract', 'Complete a course of the Developer track.', '📜',
    'Courses', 'common', 75, 104,
    '{"metric": "track_courses_completed", "scope": "developer", "at_least": 1}'),
  ('dapp-builder', 'Dapp Builder', 'Complete every course of the Developer track.', '🏗️',
    'Courses', 'legendary', 400, 105,
    '{"metric": "tracks_completed", "scope": "developer", "at_least": 1}'),
  ('both-sides-of-the-chain', 'Both Sides of the Chain', 'Complete a course of each track.', '🔗',
    'Courses', 'rare', 100, 106,
    $${"all": [{"metric": "track_courses_completed", "scope": "explorer", "at_least": 1},
      {"metric": "track_courses_completed", "scope": "developer", "at_least": 1}]}$$),
  ('keyholder', 'Keyholder', 'Complete a course about security.', '🔑', 'Courses', 'rare', 0, 107,
    '{"metric": "category_courses_completed", "scope": "security", "at_least": 1}'),
  ('deep-diver', 'Deep Diver', 'Complete an advanced course of either track.', '🤿', 'Courses',
    'epic', 150, 108,
    $${"any": [{"metric": "advanced_courses_completed", "scope": "explorer", "at_least": 1},
      {"metric": "advanced_courses_completed", "scope": "developer", "at_least": 1}]}$$),
  ('web3-graduate', 'Web3 Graduate', 'Complete both tracks.', '🎓', 'Courses', 'legendary', 500, 109,
    $${"all": [{"metric": "tracks_completed", "scope": "explorer", "at_least": 1},
      {"metric": "tracks_completed", "scope": "developer", "at_least": 1}]}$$),

  ('ten-blocks-high', 'Ten Blocks High', 'Complete 10 lessons.', '📦', 'Lessons', 'common', 0, 110,
    '{"metric": "lessons_completed", "at_least": 10}'),
  ('longest-chain', 'Longest Chain', 'Complete 40 lessons.', '⛓️', 'Lessons', 'epic', 0, 111,
    '{"metric": "lessons_completed", "at_least": 40}'),
  ('no-forks', 'No Forks', 'Complete 5 lessons with a full score.', '💎', 'Lessons', 'rare', 0, 112,
    '{"metric": "perfect_lessons", "at_least": 5}'),

  ('steady-node', 'Steady Node', 'Be active 7 days in a row.', '🔥', 'Streaks', 'rare', 0, 113,
    '{"metric": "current_streak", "at_least": 7}'),
  ('always-in-sync', 'Always in Sync', 'Be active 30 days in a row.', '🌋', 'Streaks', 'legendary',
    0, 114, '{"metric": "current_streak", "at_least": 30}'),

  ('helpful-peer', 'Helpful Peer', 'Have a reply accepted as the solution.', '🤝', 'Community',
    'common', 0, 115, '{"metric": "solutions_accepted", "at_least": 1}'),
  ('trusted-validator', 'Trusted Validator', 'Have 10 replies accepted as solutions.', '🏅',
    'Community', 'epic', 0, 116, '{"metric": "solutions_accepted", "at_least": 10}'),

  ('kilo', 'Kilo', 'Reach 1,000 XP.', '🥉', 'XP', 'common', 0, 117,
    '{"metric": "xp", "at_least": 1000}'),
  ('whale', 'Whale', 'Reach 5,000 XP.', '🐋', 'XP', 'legendary', 0, 118,
    '{"metric": "xp", "at_least": 5000}')
)
select learn_internal.merge_rows('learn.achievements', '{slug}', jsonb_agg(
  to_jsonb(b) || '{"system": "web3versity"}' order by b.display_order)) as achievements
from badges b;
