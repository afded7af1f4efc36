-- One day of a simulation: what arrives on it (UTC), by direct inserts of sets, with Laurel's clock set to the end of
-- that day. The clock is a row, which no other session sees before it is gone again.

create temporary table sim_acts (          -- of the day: one after the other, for each learner
  round   integer not null,
  learner integer not null,
  at      timestamptz not null,
  key     bigint not null,                 -- for dice: another one for each act
  is_late boolean not null,
  is_first boolean not null                -- of a session
);
create temporary table sim_now (           -- the same as they are done, with what they are about
  round integer not null, learner integer not null, id uuid not null, at timestamptz not null, key bigint not null, talent double precision not null,
  is_again boolean not null, succeeds boolean not null, kind text not null, course_id bigint, lesson_id bigint,
  exercise_id bigint, challenge_id bigint, level_number integer
);
create index on sim_acts (round);
create index on sim_now (round);

-- p_is_long_ago: nobody is told of what they earned then, as if the notifications had been purged since.
create or replace function pg_temp.live_day(p_day date, p_is_long_ago boolean default false)
returns bigint                             -- how many acts
language plpgsql
as $$
declare
  v_now    timestamptz := (p_day + 1)::timestamp at time zone 'UTC' - interval '1 second';
  v_rounds integer;
begin
  perform learn_internal.set_clock(v_now);
  perform set_config('learn.quiet', case when p_is_long_ago then 'on' else '' end, true);
  insert into learn.users (id, username, display_name, email, timezone, locale, hedera_account_id, created_at)
  select l.id, format('%s-%s-%s', lower(l.name), current_setting('learn_simulate.seed'), l.number), l.name,
    format('%s-%s-%s@example.org', lower(l.name), current_setting('learn_simulate.seed'), l.number), l.zone, l.locale,
    case when exists (select from learn.products p where p.name = 'web3versity')
      then format('0.%s.%s', current_setting('learn_simulate.seed'), l.number) end,
    l.signs_up_at
  from sim_learners l
  where (l.signs_up_at at time zone 'UTC')::date = p_day
  order by l.number;

  truncate sim_acts, sim_now;  -- not for each round: every statement would be planned anew
  insert into sim_acts (round, learner, at, key, is_late, is_first)
  select row_number() over (partition by s.learner order by s.at, g), s.learner,
    least(v_now, s.at + g * interval '4 minutes'), (s.day - date '2000-01-01') * 100 + g,
    s.recorded_on > (s.at at time zone 'UTC')::date, g = 1
  from sim_sessions s
  cross join generate_series(1, s.acts) g
  where s.recorded_on = p_day;
  analyze sim_acts;

  select coalesce(max(a.round), 0) into v_rounds from sim_acts a;
  for v_round in 1 .. v_rounds loop
    perform pg_temp.act(v_round);
  end loop;
  perform pg_temp.talk(p_day, v_now);
  perform pg_temp.do_rare_things(p_day, v_now);
  perform learn_internal.set_clock(null);
  return (select count(*) from sim_acts);
end;
$$;

-- Everybody's next act.
create or replace function pg_temp.act(p_round integer)
returns void
language plpgsql
as $$
begin
  insert into sim_now
  select p_round, a.learner, l.id, a.at, a.key, l.talent, l.place > n.places, pg_temp.dice('succeeds', a.learner, a.key) < l.talent,
    coalesce(s.kind, 'quiz'), s.course_id, s.lesson_id, s.exercise_id, s.challenge_id, s.level_number
  from sim_acts a
  join sim_learners l on l.number = a.learner
  cross join lateral (select count(*) as places from sim_steps s where s.path = l.path) n
  left join sim_steps s on s.path = l.path and s.place = case when l.place <= n.places then l.place
    else 1 + floor(n.places * pg_temp.dice('again', a.learner, a.key)) end  -- all is done: practise what was learned
  where a.round = p_round;

  insert into learn.user_course_progress (user_id, course_id, enrolled_at)
  select n.id, n.course_id, n.at
  from sim_now n
  where n.round = p_round and n.kind = 'enroll' and not n.is_again and not exists (
    select from learn_internal.course_requirements r
    where r.course_id = n.course_id and not exists (
      select from learn.user_course_progress p
      where p.user_id = n.id and p.course_id = r.prerequisite_course_id and p.completed_at is not null))
  order by n.learner
  on conflict do nothing;

  perform pg_temp.do_lessons(p_round);

  insert into learn.query_submissions (user_id, exercise_id, query_text, is_correct, error_message, duration_ms, submitted_at)
  select n.id, n.exercise_id,
    case when n.succeeds then coalesce(e.solution, 'select 1') when f.fails then 'selekt * from products'
      else 'select * from products' end,
    n.succeeds, case when not n.succeeds and f.fails then 'syntax error at or near "selekt"' end,
    1 + floor(40 * pg_temp.dice('duration', n.learner, n.key)), n.at
  from sim_now n
  join learn.exercises e on e.id = n.exercise_id
  cross join lateral (select pg_temp.dice('fails', n.learner, n.key) < 0.4 as fails) f
  where n.round = p_round and n.kind = 'query'
  order by n.learner;

  perform pg_temp.do_levels(p_round);
  if exists (select from sim_now n where n.round = p_round and n.kind = 'quiz') then
    perform pg_temp.do_quizzes(p_round);
  end if;

  update sim_learners l
  set place = l.place + 1
  from sim_now n
  where n.round = p_round and n.learner = l.number and not n.is_again and (n.succeeds or n.kind = 'enroll');
end;
$$;

-- A lesson is completed, or left in the middle, or its score is not enough. Some note when they start.
create or replace function pg_temp.do_lessons(p_round integer)
returns void
language plpgsql
as $$
begin
  insert into learn.user_lesson_progress as p
    (user_id, lesson_id, status, score, time_spent_seconds, started_at, completed_at)
  select n.id, n.lesson_id, case when n.succeeds then 'completed' else 'in_progress' end,
    case when n.succeeds then case when s.dice < 0.25 then 100
        else round((coalesce(l.pass_score, 60) + s.dice * (100 - coalesce(l.pass_score, 60)))::numeric) end
      when l.pass_score > 0 then floor(s.dice * l.pass_score) end,
    s.seconds, case when s.dice < 0.4 or not n.succeeds then n.at - s.seconds * interval '1 second' end,
    case when n.succeeds then n.at end
  from sim_now n
  join learn.lessons l on l.id = n.lesson_id
  cross join lateral (
    select pg_temp.dice('score', n.learner, n.key) as dice, least(
      case when l.time_limit_is_hard then l.time_limit_seconds end,
      30 + floor(600 * pg_temp.dice('seconds', n.learner, n.key)))::integer as seconds
  ) s
  where n.round = p_round and n.kind = 'lesson' and not n.is_again
    and (l.course_level_id is null
      or exists (
        select from learn.user_level_unlocks u where u.user_id = n.id and u.course_level_id = l.course_level_id))
    and (n.course_id is null or exists (
      select from learn.user_course_progress c where c.user_id = n.id and c.course_id = n.course_id))
  order by n.learner
  on conflict (user_id, lesson_id) do update
  set status = case when p.completed_at is not null then p.status else excluded.status end,
    score = greatest(p.score, excluded.score),
    time_spent_seconds = coalesce(p.time_spent_seconds, 0) + excluded.time_spent_seconds,
    started_at = coalesce(p.started_at, excluded.started_at),
    completed_at = coalesce(p.completed_at, excluded.completed_at);

  perform learn.complete_lesson(n.id, n.lesson_id, p_occurred_at => n.at)
  from sim_now n
  join learn.user_lesson_progress p on p.user_id = n.id and p.lesson_id = n.lesson_id and p.completed_at is not null
  where n.round = p_round and n.kind = 'lesson' and n.is_again;
end;
$$;

-- Attempts at levels of challenges, one in six after a hint.
create or replace function pg_temp.do_levels(p_round integer)
returns void
language plpgsql
as $$
begin
  delete from sim_now n
  where n.round = p_round and n.kind = 'level' and not exists (
      select from learn.user_challenge_progress p
      where p.user_id = n.id and p.challenge_id = n.challenge_id and p.unlocked_at is not null)
    and not exists (
      select from learn_internal.due_challenge_unlocks d where d.user_id = n.id and d.challenge_id = n.challenge_id);
  insert into learn.hint_usage (user_id, challenge_id, level_number, hint_number, xp_penalty, used_at)
  select n.id, n.challenge_id, n.level_number, 1, coalesce((v.hints #>> '{0,xp_penalty}')::integer, 0), n.at
  from sim_now n
  join learn.challenge_levels v on v.challenge_id = n.challenge_id and v.level_number = n.level_number
  where n.round = p_round and n.kind = 'level' and jsonb_array_length(v.hints) > 0 and pg_temp.dice('hint', n.learner, n.key) < 0.16
  order by n.learner
  on conflict do nothing;
  insert into learn.level_attempts
    (user_id, challenge_id, level_number, score, passed, design_snapshot, time_spent_seconds, created_at)
  select n.id, n.challenge_id, n.level_number,
    case when n.succeeds then m.score + floor((101 - m.score) * s.dice) else floor(m.score * s.dice) end, n.succeeds,
    '{"components": ["client", "server", "store"]}', 60 + floor(1200 * s.dice), n.at
  from sim_now n
  join learn.challenge_levels v on v.challenge_id = n.challenge_id and v.level_number = n.level_number
  cross join lateral (select coalesce((v.passing_criteria ->> 'min_score')::integer, 60) as score) m
  cross join lateral (select pg_temp.dice('score', n.learner, n.key) as dice) s
  where n.round = p_round and n.kind = 'level'
  order by n.learner;
end;
$$;

-- A quiz of up to twelve questions of the exam that the learner is preparing for.
create or replace function pg_temp.do_quizzes(p_round integer)
returns void
language plpgsql
as $$
begin
  with quizzes as (
    select n.id, n.learner, n.at, n.key, n.talent, e.exam_type
    from sim_now n
    cross join lateral (
      select q.exam_type from learn.questions q where q.is_active group by q.exam_type
      order by pg_temp.dice(q.exam_type, n.learner) limit 1
    ) e
    where n.round = p_round and n.kind = 'quiz'
  ), asked as (
    select q.*, k.question_id, k.place, k.correct_answer,
      case when k.dice < 0.04 then null when k.dice < 0.04 + 0.96 * q.talent then k.correct_answer
        else translate(k.correct_answer, 'ABCD', 'BCDA') end as answer
    from quizzes q
    cross join lateral (
      select c.id as question_id, c.correct_answer, row_number() over (order by c.shuffled) as place,
        pg_temp.dice('answer', q.learner, q.key * 1000 + c.id) as dice
      from (
        select b.id, b.correct_answer, pg_temp.dice('question', q.learner, q.key * 1000 + b.id) as shuffled
        from learn.questions b
        where b.exam_type = q.exam_type and b.is_active
        order by 3 limit 4 + floor(9 * pg_temp.dice('questions', q.learner, q.key))
      ) c
    ) k
  ), attempts as (
    insert into learn.quiz_attempts
      (user_id, exam_type, total_questions, correct_answers, time_taken_seconds, completed_at)
    select a.id, a.exam_type, count(*), count(*) filter (where a.answer = a.correct_answer),
      count(*) * (20 + floor(40 * pg_temp.dice('seconds', a.learner, a.key))), a.at
    from asked a
    group by a.id, a.learner, a.key, a.exam_type, a.at
    order by a.learner
    returning user_id, id
  )
  insert into learn.user_answers
    (user_id, quiz_attempt_id, position, question_id, user_answer, correct_answer, is_correct, time_spent_seconds, answered_at)
  select t.user_id, t.id, a.place, a.question_id, a.answer, a.correct_answer, coalesce(a.answer = a.correct_answer, false), 30, a.at
  from attempts t
  join asked a on a.id = t.user_id
  order by a.learner, a.place;
end;
$$;
