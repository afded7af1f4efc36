-- What users are told of. A deployment's changes stay: rows that are there are left alone.
with rows(activity_type, type, filter, title, message) as (values
  ('achievement_earned', 'achievement', '{}'::jsonb, 'Achievement earned: {name}', null),
  ('achievement_earned', 'streak', '{"metric": "current_streak"}', 'Streak: {name}',
    'You have learned {value} days in a row.'),
  ('level_reached', 'level_up', '{}', 'Level {level}', 'You have reached level {level}.'),
  ('challenge_level_passed', 'level_complete', '{}', 'Level {level} passed',
    'You have passed level {level} of {name}.'),
  ('level_completed', 'level_complete', '{}', 'Level completed', 'You have completed {name}.'),
  ('challenge_unlocked', 'challenge_unlock', '{}', 'Challenge unlocked',
    '{name} is waiting for you.'),
  ('course_completed', 'course_completed', '{}', 'Course completed',
    'You have completed {name}.')
)
select learn_internal.merge_rows(
  'learn.notification_rules', '{activity_type,type}',
  jsonb_agg(to_jsonb(r)), '{filter,title,message}') as notification_rules
from rows r;
