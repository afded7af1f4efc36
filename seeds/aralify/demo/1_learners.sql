-- Sample learners, with some history: Maria has completed two levels of Python in two tiers, Jose
-- has begun JavaScript, Luz has just signed up. What they have earned follows from these rows.
select learn_internal.use_product('aralify');

insert into learn.users (username, display_name, timezone, locale)
select d.username, d.display_name, 'Asia/Manila', d.locale
from (values ('maria', 'Maria', 'fil'), ('jose', 'Jose', 'fil-PH'), ('luz', 'Luz', 'en'))
  d(username, display_name, locale)
where not exists (select from learn.users u where lower(u.username) = d.username);

insert into learn.user_course_progress (user_id, course_id, enrolled_at)
select u.id, c.id, learn.clock() - interval '3 days'
from (values ('maria', 'python-from-zero'), ('jose', 'javascript-from-zero')) e(username, course)
join learn.users u on lower(u.username) = e.username
join learn.courses c on c.slug = e.course
on conflict do nothing;

insert into learn.user_lesson_progress
  (user_id, lesson_id, status, score, time_spent_seconds, completed_at)
select u.id, l.id, 'completed', p.score, p.seconds, learn.clock() - p.days_ago * interval '1 day'
from (values
  ('maria', 'python-from-zero-variables-easy', 100, 240, 2),
  ('maria', 'python-from-zero-variables-hard', 90, 1100, 2),
  ('maria', 'python-from-zero-conditions-easy', 95, 280, 1),
  ('jose', 'javascript-from-zero-values-medium', 85, 540, 1)
) p(username, lesson, score, seconds, days_ago)
join learn.users u on lower(u.username) = p.username
join learn.lessons l on l.slug = p.lesson
order by u.username, p.days_ago desc, l.sequence_number
on conflict do nothing;
