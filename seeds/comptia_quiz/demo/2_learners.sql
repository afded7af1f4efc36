-- Sample learners: Imani has taken a quiz of each exam, Alan has failed one. What they have earned
-- follows from these rows.
select learn_internal.use_product('comptia_quiz');

insert into learn.users (username, display_name, timezone, locale)
select d.username, d.display_name, d.timezone, 'en'
from (values
  ('imani', 'Imani', 'Africa/Lagos'),
  ('alan', 'Alan', 'Europe/London')
) d(username, display_name, timezone)
where not exists (select from learn.users u where lower(u.username) = d.username);

-- Imani knows all of Security+ and Network+, and skips the last question of each A+ exam. Alan
-- answers A throughout.
select u.username, s.exam_type, q.xp_awarded
from (values
  ('imani', 'security', 3), ('imani', 'network', 2), ('imani', 'a1201', 1), ('imani', 'a1202', 0),
  ('alan', 'network', 1)
) s(username, exam_type, days_ago)
join learn.users u on lower(u.username) = s.username
cross join lateral learn.submit_quiz(
  u.id, s.exam_type,
  (
    select jsonb_agg(jsonb_build_object('question_id', k.id, 'time_spent_seconds', 20, 'answer',
      case when s.username = 'alan' then 'A' when not (k.is_last and s.exam_type like 'a110_')
        then k.correct_answer end) order by k.id)
    from (
      select b.*, b.id = max(b.id) over () as is_last
      from learn.questions b
      where b.exam_type = s.exam_type and b.external_id ~ '^(SEC|NET|A1|A2)-'
    ) k
  ),
  120, learn.clock() - s.days_ago * interval '1 day',
  format('demo %s %s', s.exam_type, s.username)) q
where not exists (
  select from learn.idempotency_keys i
  where i.user_id = u.id and i.key = format('demo %s %s', s.exam_type, s.username))
order by s.username, s.days_ago desc;
