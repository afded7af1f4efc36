-- Sample learners, with some history: Ada has solved the first track, Linus has made a start,
-- Grace has just signed up. Everything that they have earned follows from these rows.
select learn_internal.use_product('sql_platform');

insert into learn.users (username, display_name, timezone, locale)
select d.username, d.display_name, d.timezone, d.locale
from (values
  ('ada', 'Ada', 'Europe/London', 'en'),
  ('linus', 'Linus', 'Europe/Helsinki', 'en'),
  ('grace', 'Grace', 'America/New_York', 'en')
) d(username, display_name, timezone, locale)
where not exists (select from learn.users u where lower(u.username) = d.username);

insert into learn.query_submissions
  (user_id, exercise_id, query_text, is_correct, error_message, submitted_at)
select u.id, e.id, s.query_text, s.is_correct, s.error_message,
  learn.clock() - s.days_ago * interval '1 day'
from (values
  ('ada', 'choose-columns', 1, 'select name, price from products', true, null, 2),
  ('ada', 'choose-columns', 2, 'select * from customers', true, null, 2),
  ('ada', 'rename-columns', 1, 'select price * 1.2 as price_with_tax from products', true, null, 1),
  ('linus', 'choose-columns', 1, 'selekt name, price from products', false,
    'syntax error at or near "selekt"', 3),
  ('linus', 'choose-columns', 1, 'select name price from products', false, null, 2),
  ('linus', 'choose-columns', 1, 'select name, price from products', true, null, 1)
) s(username, lesson, position, query_text, is_correct, error_message, days_ago)
join learn.users u on lower(u.username) = s.username
join learn.lessons l on l.slug = s.lesson
join learn.exercises e on e.lesson_id = l.id and e.position = s.position
where not exists (
  select from learn.query_submissions q
  where q.user_id = u.id and q.exercise_id = e.id and q.query_text = s.query_text)
order by u.username, s.days_ago desc, e.id;

insert into learn.user_lesson_progress (user_id, lesson_id, status, score, completed_at)
select u.id, l.id, 'completed', 100, learn.clock()
from learn.users u
join learn.lessons l on l.slug = 'what-is-a-table'
where lower(u.username) = 'ada'
on conflict do nothing;
