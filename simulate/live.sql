-- What learners call while `dbtool simulate --live` runs, as learn_app: for each call its name, how often it comes
-- (its share of the sum), a query that finds what it is about, and the call. A query without a row: another call.
-- %(user)s is a learner, %(chance)s and %(key)s are random, from 0 to below 1, and a whole number.

-- complete_lesson 30
select l.id as lesson, %(user)s as "user", case when %(chance)s < 0.2 then 100 else 60 + floor(40 * %(chance)s) end as score,
  case when %(chance)s > 0.95 then learn.clock() - interval '2 days' end as at
from learn.lessons l
where l.is_available and l.id >= 1 + %(key)s %% (select max(m.id) from learn.lessons m)
  and not exists (select from learn.exercises e where e.lesson_id = l.id and e.is_published)
  and (%(chance)s > 0.9 or not exists (
    select from learn.user_lesson_progress p where p.user_id = %(user)s and p.lesson_id = l.id and p.completed_at is not null))
  and (l.course_level_id is null or %(chance)s < 0.02 or exists (
    select from learn.user_level_unlocks u where u.user_id = %(user)s and u.course_level_id = l.course_level_id))
order by l.id limit 1;
select learn.complete_lesson(%(user)s, %(lesson)s, %(score)s, 300, p_occurred_at => %(at)s);

-- start_lesson 6
select l.id as lesson, %(user)s as "user"
from learn.lessons l
where l.is_available and l.course_level_id is null and l.id >= 1 + %(key)s %% (select max(m.id) from learn.lessons m)
order by l.id limit 1;
select learn.start_lesson(%(user)s, %(lesson)s);

-- enroll_in_course 3
select c.id as course, %(user)s as "user"
from learn.courses c
where c.is_published and not exists (
  select from learn.user_course_progress p where p.user_id = %(user)s and p.course_id = c.id)
order by c.position, c.id limit 1;
select learn.enroll_in_course(%(user)s, %(course)s);

-- submit_query 30
select e.id as exercise, 'select 1' as query, %(chance)s < 0.6 as is_right, %(user)s as "user",
  case when %(chance)s > 0.85 then 'syntax error at or near "selekt"' end as error
from learn.exercises e
where e.is_published and e.id >= 1 + %(key)s %% (select max(m.id) from learn.exercises m)
order by e.id limit 1;
select learn.submit_query(%(user)s, %(exercise)s, %(query)s, %(is_right)s, %(error)s, 12);

-- submit_quiz 25
select b.exam_type as exam, %(user)s as "user", jsonb_agg(jsonb_build_object('question_id', b.id, 'time_spent_seconds', 20,
  'answer', coalesce(
    (select a.correct_answer from learn.user_answers a  -- remembered from the last time, mostly
      where a.user_id = %(user)s and a.question_id = b.id and %(key)s %% 4 > 0 order by a.quiz_attempt_id desc limit 1),
    substr('ABCD', 1 + ((b.id + %(key)s) %% 4)::integer, 1)))) as answers
from (
  select q.id, q.exam_type from learn.quiz_questions q
  where q.exam_type = (select t.exam_type from (select distinct o.exam_type from learn.quiz_questions o) t
    order by md5(t.exam_type || %(key)s) limit 1)
  order by md5(q.id::text || %(key)s) limit 10
) b
group by b.exam_type;
select learn.submit_quiz(%(user)s, %(exam)s, %(answers)s, 200);

-- start_quiz 5
select q.exam_type as exam, %(user)s as "user" from learn.quiz_questions q order by md5(q.id::text || %(key)s) limit 1;
select learn.start_quiz(%(user)s, %(exam)s, 5);

-- submit_level_attempt 30
select r.id as challenge, 1 + coalesce(p.current_level, 0) as level, %(chance)s < 0.7 as passed, %(user)s as "user",
  case when %(chance)s < 0.7 then 95 else 40 end as score
from learn.recommend_challenges(%(user)s, 1) r
left join learn.user_challenge_progress p on p.user_id = %(user)s and p.challenge_id = r.id
where exists (select from learn.challenges);
select learn.submit_level_attempt(%(user)s, %(challenge)s, %(level)s, %(score)s, %(passed)s, p_time_spent_seconds => 600);

-- submit_daily_challenge 3
select %(user)s as "user", 80 as score from learn.daily_challenges d where d.date = (learn.clock() at time zone 'UTC')::date;
select learn.submit_daily_challenge(%(user)s, %(score)s, true);

-- post_discussion 1
select %(user)s as "user", 'How does it go on?' as title;
select learn.post_discussion(%(user)s, %(title)s, 'I have tried it twice. What am I missing?');

-- post_reply 2
select d.id as discussion, %(user)s as "user" from learn.discussions d order by d.id desc offset %(key)s %% 20 limit 1;
select learn.post_reply(%(user)s, %(discussion)s, 'It works when you write it step by step.');

-- vote 3
select d.id as discussion, %(user)s as "user" from learn.discussions d where d.author_id <> %(user)s
order by d.id desc offset %(key)s %% 20 limit 1;
select learn.vote(%(user)s, 'upvote', p_discussion_id => %(discussion)s);

-- accept_solution 1
select r.id as reply, d.author_id as "user" from learn.replies r
join learn.discussions d on d.id = r.discussion_id and d.author_id <> r.author_id and not d.is_solved
order by r.id desc limit 1;
select learn.accept_solution(%(user)s, %(reply)s);

-- reverse_xp 1
select t.id as payment, %(user)s as "user" from learn.xp_transactions t
where t.user_id = %(user)s and t.amount > 0 and %(chance)s < 0.3 order by t.created_at desc limit 1;
select learn.reverse_xp(%(user)s, %(payment)s, 'paid by mistake');

-- record_login 8
select %(user)s as "user";
select learn.record_login(%(user)s);

-- register_user 2
select 'live-' || gen_random_uuid() as username;
select learn.register_user(%(username)s, p_timezone => 'Asia/Manila');

-- mark_read 2
select %(user)s as "user";
select learn.mark_read(%(user)s);

-- user_dashboard 12
select %(user)s as "user";
select * from learn.user_dashboard where user_id = %(user)s;

-- achievement_progress 4
select %(user)s as "user";
select * from learn.achievement_progress(%(user)s);

-- leaderboard 6
select (array['day', 'week', 'month', 'all_time'])[1 + %(key)s %% 4] as period;
select * from learn.leaderboard(%(period)s);

-- user_rank 6
select (array['day', 'week', 'month', 'all_time'])[1 + %(key)s %% 4] as period, %(user)s as "user";
select learn.user_rank(%(user)s, %(period)s);

-- leaderboard_around 3
select %(user)s as "user";
select * from learn.leaderboard_around(%(user)s, 'week', 'xp', 5);

-- unread_count 8
select %(user)s as "user";
select learn.unread_count(%(user)s);
