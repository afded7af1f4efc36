-- What Aralify counts beyond the core metrics, and its achievements, with Filipino names where
-- a name has no need of translation. Those that pay do so for what only its courses can give. Each asks for
-- what its description says: those for tiers, streaks and XP for a level of its courses too, so that they are
-- not earned by what learners do in another product of a database where products are mixed.
select learn_internal.use_product('aralify');

with definitions(key, activity_type, scope_property, filter, description) as (values
  ('tier_lessons_completed', 'lesson_completed', 'difficulty', '{}'::jsonb,
    'Lessons completed, also by difficulty.'),
  ('course_completions', 'course_completed', 'slug', '{}',
    'Courses completed, also by the slug of the course.')
)
select learn_internal.merge_rows('learn.metrics', '{key}', jsonb_agg(to_jsonb(d))) as metrics
from definitions d;

with badges(slug, name, description, icon, category, rarity, xp_reward, display_order, criteria) as (values
  ('unang-hakbang', 'Unang Hakbang', 'First step: complete your first level.', '👣', 'Levels',
    'common', 10, 201, '{"metric": "levels_completed", "at_least": 1}'::jsonb),
  ('snake-charmer', 'Snake Charmer', 'Complete 3 levels of Python.', '🐍', 'Levels', 'common', 30,
    202, '{"metric": "levels_completed", "scope": "python-from-zero", "at_least": 3}'),
  ('script-kid', 'Script Kid', 'Complete 3 levels of JavaScript.', '📜', 'Levels', 'common', 30,
    203, '{"metric": "levels_completed", "scope": "javascript-from-zero", "at_least": 3}'),
  ('pythonista', 'Pythonista', 'Complete Python from zero.', '🏆', 'Courses', 'rare', 100, 204,
    '{"metric": "course_completions", "scope": "python-from-zero", "at_least": 1}'),
  ('web-weaver', 'Web Weaver', 'Complete JavaScript from zero.', '🕸️', 'Courses', 'rare', 100, 205,
    '{"metric": "course_completions", "scope": "javascript-from-zero", "at_least": 1}'),
  ('polyglot', 'Polyglot', 'Complete both courses.', '🗣️', 'Courses', 'epic', 200, 206,
    $${"all": [{"metric": "course_completions", "scope": "python-from-zero", "at_least": 1},
      {"metric": "course_completions", "scope": "javascript-from-zero", "at_least": 1}]}$$),

  ('matapang', 'Matapang', 'Brave: complete a level and a hard lesson.', '🦁', 'Tiers', 'common', 0, 207,
    $${"all": [{"metric": "tier_lessons_completed", "scope": "hard", "at_least": 1},
      {"metric": "levels_completed", "at_least": 1}]}$$),
  ('no-easy-way', 'No Easy Way', 'Complete a level and 10 hard lessons.', '⛰️', 'Tiers', 'epic', 0, 208,
    $${"all": [{"metric": "tier_lessons_completed", "scope": "hard", "at_least": 10},
      {"metric": "levels_completed", "at_least": 1}]}$$),
  ('all-rounder', 'All-Rounder', 'Complete a level and 5 lessons of each difficulty.', '🎨', 'Tiers', 'rare', 0,
    209, $${"all": [{"metric": "tier_lessons_completed", "scope": "easy", "at_least": 5},
      {"metric": "tier_lessons_completed", "scope": "medium", "at_least": 5},
      {"metric": "tier_lessons_completed", "scope": "hard", "at_least": 5},
      {"metric": "levels_completed", "at_least": 1}]}$$),

  ('masipag', 'Masipag', 'Diligent: complete a level and be active 5 days in a row.', '🐜', 'Streaks', 'common', 0, 210,
    $${"all": [{"metric": "current_streak", "at_least": 5},
      {"metric": "levels_completed", "at_least": 1}]}$$),
  ('walang-tigil', 'Walang Tigil', 'Unstoppable: complete a level and be active 30 days in a row.', '🌊', 'Streaks',
    'legendary', 0, 211, $${"all": [{"metric": "current_streak", "at_least": 30},
      {"metric": "levels_completed", "at_least": 1}]}$$),
  ('libong-puntos', 'Libong Puntos', 'A thousand points: complete a level and reach 1,000 XP.', '💯', 'XP', 'epic', 0,
    212, $${"all": [{"metric": "xp", "at_least": 1000},
      {"metric": "levels_completed", "at_least": 1}]}$$)
), filipino(slug, description) as (values
  ('unang-hakbang', 'Tapusin ang una mong antas.'),
  ('snake-charmer', 'Tapusin ang 3 antas ng Python.'),
  ('script-kid', 'Tapusin ang 3 antas ng JavaScript.'),
  ('pythonista', 'Tapusin ang Python mula sa simula.'),
  ('web-weaver', 'Tapusin ang JavaScript mula sa simula.'),
  ('polyglot', 'Tapusin ang parehong kurso.'),
  ('matapang', 'Tapusin ang isang antas at isang mahirap na aralin.'),
  ('no-easy-way', 'Tapusin ang isang antas at 10 mahirap na aralin.'),
  ('all-rounder', 'Tapusin ang isang antas at 5 aralin sa bawat antas ng hirap.'),
  ('masipag', 'Tapusin ang isang antas at maging aktibo nang 5 araw na sunod-sunod.'),
  ('walang-tigil', 'Tapusin ang isang antas at maging aktibo nang 30 araw na sunod-sunod.'),
  ('libong-puntos', 'Tapusin ang isang antas at makakuha ng 1,000 XP.')
)
select learn_internal.merge_rows('learn.achievements', '{slug}', jsonb_agg(
  to_jsonb(b) || jsonb_build_object('system', 'aralify', 'translations',
    jsonb_build_object('fil', jsonb_build_object('description', f.description)))
  order by b.display_order)) as achievements
from badges b
join filipino f on f.slug = b.slug;
