-- Submits a completed quiz: answers are graded by the question bank, in one statement, and paid.
-- p_answers: [{"question_id": 1, "answer": "B", "time_spent_seconds": 9}, …]; answer null: skipped,
-- which counts as wrong.
-- Errors: LX001 no answers, too many, one that makes no sense, negative time; LX002; LX003 unknown exam;
-- LX004 user inactive; LX013.
create or replace function learn.submit_quiz(
  p_user_id            uuid,
  p_exam_type          text,
  p_answers            jsonb,
  p_time_taken_seconds integer default null,
  p_occurred_at        timestamptz default null,
  p_idempotency_key    text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call    learn_internal.call := learn_internal.begin_call(
    'submit_quiz', p_user_id,
    jsonb_build_object('exam_type', p_exam_type, 'answers', p_answers,
      'time_taken_seconds', p_time_taken_seconds),
    p_occurred_at, p_idempotency_key);
  v_maximum integer := learn_internal.setting_number('quiz_maximum_questions');
  v_problem text;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if length(p_exam_type) > 200 or pg_column_size(p_answers) > 1048576 then  -- without the price of calls
    perform learn_internal.require_size('p_exam_type', length(p_exam_type), 200);
    perform learn_internal.require_size('p_answers', pg_column_size(p_answers), 1048576, 'bytes');
  end if;
  if not exists (select from learn.exam_types e where e.key = p_exam_type) then
    raise exception 'unknown exam'
      using errcode = 'LX003', detail = format('p_exam_type = %s', coalesce(left(p_exam_type, 50), 'null')),
        hint = 'Look the exam up in learn.exam_types.';
  end if;
  if jsonb_typeof(p_answers) is distinct from 'array' then
    v_problem := 'p_answers is not an array';
  elsif jsonb_array_length(p_answers) not between 1 and v_maximum then
    v_problem := format('there are %s answers', jsonb_array_length(p_answers));
  elsif p_time_taken_seconds < 0 then
    v_problem := format('p_time_taken_seconds = %s', p_time_taken_seconds);
  else
    v_problem := learn_internal.quiz_problem(p_exam_type, p_answers);
  end if;
  if v_problem is not null then
    raise exception 'the quiz makes no sense'
      using errcode = 'LX001', detail = v_problem,
        hint = format('Answers are [{"question_id": 1, "answer": "B", "time_spent_seconds": 9}, …], '
          '1 to %s of them, each question of the exam once; null is a skipped answer.', v_maximum);
  end if;

  with graded as (
    select e.position, q.id as question_id, e.answer ->> 'answer' as user_answer, q.correct_answer,
      coalesce(e.answer ->> 'answer' = q.correct_answer, false) as is_correct,
      (e.answer ->> 'time_spent_seconds')::integer as time_spent_seconds
    from jsonb_array_elements(p_answers) with ordinality e(answer, position)
    join learn.questions q on q.id = (e.answer ->> 'question_id')::bigint
  ), attempt as (
    insert into learn.quiz_attempts
      (user_id, exam_type, total_questions, correct_answers, time_taken_seconds, completed_at)
    select p_user_id, p_exam_type, count(*), count(*) filter (where g.is_correct),
      p_time_taken_seconds, v_call.occurred_at
    from graded g
    returning user_id, id, completed_at
  )
  insert into learn.user_answers
    (user_id, quiz_attempt_id, position, question_id, user_answer, correct_answer, is_correct,
     time_spent_seconds, answered_at)
  select a.user_id, a.id, g.position, g.question_id, g.user_answer, g.correct_answer, g.is_correct,
    g.time_spent_seconds, a.completed_at
  from graded g
  cross join attempt a;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_quiz(uuid, text, jsonb, integer, timestamptz, text) is
  'Submits a completed quiz, graded by the question bank: '
  '[{"question_id": 1, "answer": "B", "time_spent_seconds": 9}, …], times in seconds.';
revoke all on function learn.submit_quiz(uuid, text, jsonb, integer, timestamptz, text)
  from public;
grant execute on function learn.submit_quiz(uuid, text, jsonb, integer, timestamptz, text)
  to learn_app, learn_user;
