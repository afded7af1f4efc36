-- What goes on around learning on a day of a simulation: called by pg_temp.live_day() of day.sql.

-- Questions, replies, votes, and replies that are accepted: about and among the simulated learners' own posts.
create or replace function pg_temp.talk(p_day date, p_now timestamptz)
returns void
language plpgsql
as $$
begin
  insert into learn.discussions (author_id, course_id, title, content, category, tags, created_at, updated_at)
  select l.id, s.course_id, format((array['Stuck at “%s”', 'Why is it so: “%s”?', 'An easier way for “%s”?',
      'What I learned from “%s”'])[1 + floor(4 * pg_temp.dice('title', a.learner, a.key))],
      left(coalesce(k.title, c.title, h.title, 'the last quiz'), 200)),
    'I have tried it twice. What am I missing?', 'general', '{help}', a.at, a.at
  from sim_acts a
  join sim_learners l on l.number = a.learner
  left join sim_steps s on s.path = l.path and s.place = l.place
  left join learn.lessons k on k.id = s.lesson_id
  left join learn.courses c on c.id = s.course_id
  left join learn.challenges h on h.id = s.challenge_id
  where a.is_first and pg_temp.dice('posts', a.learner, a.key) < 0.05
  order by a.learner;
  create temporary table sim_posts on commit drop as
    select d.id, d.author_id, row_number() over (order by d.created_at desc, d.author_id, d.id) as place
    from (select d.* from learn.discussions d order by d.id desc limit 200) d
    join sim_learners l on l.id = d.author_id
    where d.created_at > p_now - interval '14 days';

  insert into learn.replies (discussion_id, author_id, content, created_at, updated_at)
  select d.id, l.id, (array['Read the hint once more.', 'It works when you write it step by step.', 'The same here!',
    'Look at the example before the last.'])[1 + floor(4 * pg_temp.dice('reply', a.learner, a.key))], p_now, p_now
  from sim_acts a
  join sim_learners l on l.number = a.learner
  join sim_posts d on d.author_id <> l.id
    and d.place = 1 + floor((select count(*) from sim_posts) * power(pg_temp.dice('to', a.learner, a.key), 2))
  where a.is_first and pg_temp.dice('replies', a.learner, a.key) < 0.2
  order by a.learner;

  insert into learn.discussion_votes (user_id, discussion_id, vote_type, created_at)
  select l.id, d.id, case when pg_temp.dice('vote', a.learner, a.key) < 0.85 then 'upvote' else 'downvote' end, p_now
  from sim_acts a
  join sim_learners l on l.number = a.learner
  join sim_posts d on d.author_id <> l.id
    and d.place = 1 + floor((select count(*) from sim_posts) * pg_temp.dice('for', a.learner, a.key))
  where a.is_first and pg_temp.dice('votes', a.learner, a.key) < 0.1
  order by a.learner
  on conflict do nothing;
  insert into learn.discussion_votes (user_id, reply_id, vote_type, created_at)
  select l.id, r.id, 'upvote', p_now
  from sim_acts a
  join sim_learners l on l.number = a.learner
  join sim_posts d on d.place = 1 + floor((select count(*) from sim_posts) * pg_temp.dice('of', a.learner, a.key))
  cross join lateral (
    select r.id from learn.replies r where r.discussion_id = d.id and r.author_id <> l.id order by r.id limit 1
  ) r
  where a.is_first and pg_temp.dice('thanks', a.learner, a.key) < 0.05
  order by a.learner
  on conflict do nothing;

  update learn.replies r
  set is_solution = true, first_accepted_at = p_now
  from sim_posts p
  join learn.discussions d on d.id = p.id and not d.is_solved
  join sim_learners l on l.id = p.author_id
  where pg_temp.dice('accepts', l.number, p_day - date '2000-01-01') < 0.3
    and r.id = (
      select min(o.id) from learn.replies o where o.discussion_id = p.id and o.author_id <> p.author_id);
  drop table sim_posts;
end;
$$;

-- The challenge of the day, sessions that are timed, points for skills, ratings, the faucet, and payments taken back.
create or replace function pg_temp.do_rare_things(p_day date, p_now timestamptz)
returns void
language plpgsql
as $$
begin
  if exists (select from learn.challenges) then
    perform learn.schedule_daily_challenges(1);
    insert into learn.daily_challenge_attempts (user_id, daily_challenge_id, score, passed, completed_at)
    select l.id, d.id, s.score, s.score >= 60, a.at
    from sim_acts a
    join sim_learners l on l.number = a.learner
    join learn.daily_challenges d on d.date = p_day
    cross join lateral (select floor(101 * sqrt(pg_temp.dice('daily score', a.learner, a.key))) as score) s
    where a.round = 1 and not a.is_late and pg_temp.dice('daily', a.learner, a.key) < 0.25
    order by a.learner
    on conflict do nothing;
    insert into learn.learning_sessions (user_id, session_type, started_at, ended_at, is_completed)
    select l.id, 'challenge', s.at, least(p_now, s.at + s.acts * interval '4 minutes'), true
    from sim_sessions s
    join sim_learners l on l.number = s.learner
    where s.recorded_on = p_day
    order by s.learner, s.at;
    perform learn.allocate_skill_points(l.id, k.id, 25)
    from sim_acts a
    join sim_learners l on l.number = a.learner
    join learn.user_stats t on t.user_id = l.id
    cross join lateral (
      select k.id from learn.skills k
      left join learn.user_skills u on u.user_id = l.id and u.skill_id = k.id
      where k.max_level * k.xp_per_level - coalesce(u.points_allocated, 0) >= 25
        and not exists (select from learn.skill_prerequisites r where r.skill_id = k.id)
      order by pg_temp.dice('skill', l.number, k.id) limit 1
    ) k
    where a.round = 1 and pg_temp.dice('points', a.learner, a.key) < 0.2
      and t.total_xp - 25 >= (select coalesce(sum(u.points_allocated), 0) from learn.user_skills u where u.user_id = l.id);
  end if;

  insert into learn.course_ratings (user_id, course_id, rating)
  select l.id, p.course_id, 3 + floor(3 * pg_temp.dice('rating', l.number, p.course_id))
  from sim_acts a
  join sim_learners l on l.number = a.learner
  join learn.user_course_progress p on p.user_id = l.id and p.completed_at is not null
  where a.round = 1 and pg_temp.dice('rates', l.number, p.course_id) < 0.4
  on conflict do nothing;

  perform learn.request_faucet(l.id, u.hedera_account_id, 5)
  from sim_acts a
  join sim_learners l on l.number = a.learner
  join learn.users u on u.id = l.id and u.hedera_account_id is not null
  where a.round = 1 and pg_temp.dice('faucet', a.learner) < 0.1 and (l.signs_up_at at time zone 'UTC')::date = p_day;

  perform learn.reverse_xp(l.id, t.id, 'paid by mistake')
  from sim_acts a
  join sim_learners l on l.number = a.learner
  cross join lateral (
    select t.id from learn.xp_transactions t where t.user_id = l.id and t.amount > 0 order by t.created_at desc, t.id desc limit 1
  ) t
  where a.round = 1 and pg_temp.dice('refund', a.learner, a.key) < 0.003;
end;
$$;
