-- Sample learners, with some history: Satoshi has completed the first course and is in the second,
-- Vitalia has started with contracts, Leemon has only connected a wallet. What they have
-- earned follows from these rows.
select learn_internal.use_product('web3versity');

insert into learn.users
  (username, display_name, avatar_emoji, timezone, evm_address, hedera_account_id)
select d.username, d.display_name, d.avatar_emoji, d.timezone, d.evm_address, d.hedera_account_id
from (values
  ('satoshi', 'Satoshi', '🦊', 'Asia/Tokyo',
    '0x00000000000000000000000000000000000000a1', '0.0.1001'),
  ('vitalia', 'Vitalia', '🦄', 'America/Toronto',
    '0x00000000000000000000000000000000000000a2', '0.0.1002'),
  ('leemon', 'Leemon', '🐢', 'America/Chicago',
    '0x00000000000000000000000000000000000000a3', '0.0.1003')
) d(username, display_name, avatar_emoji, timezone, evm_address, hedera_account_id)
where not exists (select from learn.users u where lower(u.username) = d.username);

insert into learn.user_course_progress (user_id, course_id, enrolled_at)
select u.id, c.id, learn.clock() - interval '2 days'
from (values
  ('satoshi', 'blockchain-foundations'), ('vitalia', 'first-smart-contract')
) e(username, course)
join learn.users u on lower(u.username) = e.username
join learn.courses c on c.slug = e.course
on conflict do nothing;

-- The lessons of a course in order, so that the next course opens; a row is a day's work.
insert into learn.user_lesson_progress
  (user_id, lesson_id, status, score, time_spent_seconds, completed_at)
select u.id, l.id, 'completed', p.score, p.minutes * 60,
  learn.clock() - p.days_ago * interval '1 day'
from (values
  ('satoshi', 'what-a-blockchain-is', 100, 9, 2),
  ('satoshi', 'blocks-and-hashes', 100, 18, 2),
  ('satoshi', 'how-networks-agree', 100, 14, 1),
  ('satoshi', 'public-and-private-ledgers', 100, 8, 1),
  ('satoshi', 'foundations-quiz', 67, 11, 1),
  ('vitalia', 'what-a-contract-does', 100, 12, 1),
  ('vitalia', 'state-and-functions', 90, 41, 0)
) p(username, lesson, score, minutes, days_ago)
join learn.users u on lower(u.username) = p.username
join learn.lessons l on l.slug = p.lesson
order by u.username, p.days_ago desc, l.sequence_number
on conflict do nothing;

insert into learn.user_lesson_progress
  (user_id, lesson_id, status, score, time_spent_seconds, completed_at)
select u.id, l.id, 'completed', 100, 540, learn.clock()
from learn.users u
join learn.lessons l on l.slug = 'keys-and-addresses'
where lower(u.username) = 'satoshi'
on conflict do nothing;

insert into learn.course_ratings (user_id, course_id, rating, review)
select u.id, c.id, 5, 'Short, clear, and the quiz asks what matters.'
from learn.users u
join learn.courses c on c.slug = 'blockchain-foundations'
where lower(u.username) = 'satoshi'
on conflict do nothing;
