-- Activity types that products share beyond those that Laurel's own triggers write
-- (migrations bring those).
-- A deployment's changes stay: rows that are there are left alone.
with types(key, description, is_qualifying, happens_once) as (values
  ('question_answered_correctly', 'The user answered a quiz question correctly.', true, false),
  ('quiz_completed', 'The user completed a quiz.', true, false),
  ('quiz_perfect', 'The user answered every question of a quiz correctly.', true, false),
  ('challenge_level_passed',
    'The user passed a level of a challenge for the first time.', true, true),
  ('challenge_completed', 'The user passed every level of a challenge.', true, true),
  ('daily_challenge_completed', 'The user passed a daily challenge.', true, true)
)
select learn_internal.merge_rows('learn.activity_types', '{key}', jsonb_agg(to_jsonb(t)),
  '{description, is_qualifying, happens_once}') as activity_types
from types t;
