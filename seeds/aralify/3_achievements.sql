-- What Aralify counts beyond the core metrics, and its achievements, with Filipino names where
-- a name has no need of translation. Those that pay do so for what only its courses can give. Those
-- for tiers, streaks and XP ask for a level of them too, which every learner of Aralify soon has:
-- so they are not earned by what learners do in other products of the same database.
select learn_internal.use_product('aralify');

with definitions(key, activity_type, scope_property, filter, description) as (values
  ('tier_lessons_completed', 'lesson_completed', 'difficulty', '{}'::jsonb,
    'Lessons completed, also by difficulty.'),
  ('course_completions', 'course_completed', 'slug', '{}',
    'Courses completed, also by the slug of the course.')
)
select learn_internal.merge_rows('learn.metrics', '{key}', jsonb_agg(to_jsonb(d))) as metrics
from definitions d;

with ours(criteria) as (values
  ($${"any": [{"metric": "levels_completed", "scope": "python-from-zero", "at_least": 1},
    {"metric": "levels_completed", "scope": "javascript-from-zero", "at_least": 1}]}$$::jsonb)
), badges(slug, name, description, icon, category, rarity, xp_reward, display_order, is_guarded,
  criteria) as (values
  ('unang-hakbang', 'Unang Hakbang', 'First step: complete your first level.', '👣', 'Levels',
    'common', 10, 201, false,
    $${"any": [{"metric": "levels_completed", "scope": "python-from-zero", "at_least": 1},
      {"metric": "levels_completed", "scope": "javascript-from-zero", "at_least": 1}]}$$::jsonb),
  ('snake-charmer', 'Snake Charmer', 'Complete 3 levels of Python.', '🐍', 'Levels', 'common', 30,
    202, false, '{"metric": "levels_completed", "scope": "python-from-zero", "at_least": 3}'),
  ('script-kid', 'Script Kid', 'Complete 3 levels of JavaScript.', '📜', 'Levels', 'common', 30,
    203, false, '{"metric": "levels_completed", "scope": "javascript-from-zero", "at_least": 3}'),
  ('pythonista', 'Pythonista', 'Complete Python from zero.', '🏆', 'Courses', 'rare', 100, 204,
    false, '{"metric": "course_completions", "scope": "python-from-zero", "at_least": 1}'),
  ('web-weaver', 'Web Weaver', 'Complete JavaScript from zero.', '🕸️', 'Courses', 'rare', 100, 205,
    false, '{"metric": "course_completions", "scope": "javascript-from-zero", "at_least": 1}'),
  ('polyglot', 'Polyglot', 'Complete both courses.', '🗣️', 'Courses', 'epic', 200, 206, false,
    $${"all": [{"metric": "course_completions", "scope": "python-from-zero", "at_least": 1},
      {"metric": "course_completions", "scope": "javascript-from-zero", "at_least": 1}]}$$),

  ('matapang', 'Matapang', 'Brave: complete a hard lesson.', '🦁', 'Tiers', 'common', 0, 207, true,
    '{"metric": "tier_lessons_completed", "scope": "hard", "at_least": 1}'),
  ('no-easy-way', 'No Easy Way', 'Complete 10 hard lessons.', '⛰️', 'Tiers', 'epic', 0, 208, true,
    '{"metric": "tier_lessons_completed", "scope": "hard", "at_least": 10}'),
  ('all-rounder', 'All-Rounder', 'Complete 5 lessons of each difficulty.', '🎨', 'Tiers', 'rare', 0,
    209, true, $${"all": [{"metric": "tier_lessons_completed", "scope": "easy", "at_least": 5},
      {"metric": "tier_lessons_completed", "scope": "medium", "at_least": 5},
      {"metric": "tier_lessons_completed", "scope": "hard", "at_least": 5}]}$$),

  ('masipag', 'Masipag', 'Diligent: be active 5 days in a row.', '🐜', 'Streaks', 'common', 0, 210,
    true, '{"metric": "current_streak", "at_least": 5}'),
  ('walang-tigil', 'Walang Tigil', 'Unstoppable: be active 30 days in a row.', '🌊', 'Streaks',
    'legendary', 0, 211, true, '{"metric": "current_streak", "at_least": 30}'),
  ('libong-puntos', 'Libong Puntos', 'A thousand points: reach 1,000 XP.', '💯', 'XP', 'epic', 0,
    212, true, '{"metric": "xp", "at_least": 1000}')
), filipino(slug, description) as (values
  ('unang-hakbang', 'Tapusin ang una mong antas.'),
  ('snake-charmer', 'Tapusin ang 3 antas ng Python.'),
  ('script-kid', 'Tapusin ang 3 antas ng JavaScript.'),
  ('pythonista', 'Tapusin ang Python mula sa simula.'),
  ('web-weaver', 'Tapusin ang JavaScript mula sa simula.'),
  ('polyglot', 'Tapusin ang parehong kurso.'),
  ('matapang', 'Tapusin ang isang mahirap na aralin.'),
  ('no-easy-way', 'Tapusin ang 10 mahirap na aralin.'),
  ('all-rounder', 'Tapusin ang 5 aralin sa bawat antas ng hirap.'),
  ('masipag', 'Maging aktibo nang 5 araw na sunod-sunod.'),
  ('walang-tigil', 'Maging aktibo nang 30 araw na sunod-sunod.'),
  ('libong-puntos', 'Makakuha ng 1,000 XP.')
)
select learn_internal.merge_rows('learn.achievements', '{slug}', jsonb_agg(
  to_jsonb(b) - 'is_guarded' || jsonb_build_object('system', 'aralify', 'criteria',
    case when b.is_guarded then jsonb_build_object('all', jsonb_build_array(b.criteria, o.criteria))
      else b.criteria end,
    'translations', jsonb_build_object('fil', jsonb_build_object('description', f.description)))
  order by b.display_order)) as achievements
from badges b
cross join ours o
join filipino f on f.slug = b.slug;
