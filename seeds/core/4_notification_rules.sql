-- What users are told of, where a tap on it leads, and how Filipino learners read it. A deployment's changes
-- stay: rows that are there are left alone.
with rows(activity_type, type, filter, title, message, action_url, title_fil, message_fil) as (values
  ('achievement_earned', 'achievement', '{}'::jsonb, 'Achievement earned: {name}', null,
    '/achievements/{slug}', 'Nakamit na tagumpay: {name}', null),
  ('achievement_earned', 'streak', '{"metric": "current_streak"}', 'Streak: {name}',
    'You have learned {value} days in a row.', '/achievements/{slug}', 'Sunod-sunod na araw: {name}',
    'Nag-aral ka nang {value} araw na sunod-sunod.'),
  ('level_reached', 'level_up', '{}', 'Level {level}', 'You have reached level {level}.', '/profile',
    'Antas {level}', 'Naabot mo ang antas {level}.'),
  ('challenge_level_passed', 'level_complete', '{}', 'Level {level} passed',
    'You have passed level {level} of {name}.', '/challenges/{challenge}', 'Naipasa ang antas {level}',
    'Naipasa mo ang antas {level} ng {name}.'),
  ('level_completed', 'level_complete', '{}', 'Level completed', 'You have completed {name}.',
    '/courses/{course}/levels/{slug}', 'Tapos na ang antas', 'Natapos mo ang {name}.'),
  ('challenge_unlocked', 'challenge_unlock', '{}', 'Challenge unlocked', '{name} is waiting for you.',
    '/challenges/{slug}', 'May bagong hamon', 'Naghihintay sa iyo ang {name}.'),
  ('course_completed', 'course_completed', '{}', 'Course completed', 'You have completed {name}.',
    '/courses/{slug}', 'Tapos na ang kurso', 'Natapos mo ang {name}.')
)
select learn_internal.merge_rows(
  'learn.notification_rules', '{activity_type,type}',
  jsonb_agg(to_jsonb(r) - 'title_fil' - 'message_fil' || jsonb_build_object('translations',
    jsonb_build_object('fil', jsonb_strip_nulls(
      jsonb_build_object('title', r.title_fil, 'message', r.message_fil))))),
  '{filter,title,message,action_url,translations}') as notification_rules
from rows r;
