-- Submits a completed quiz: answers are graded by the question bank, and paid. p_answers:
-- [{"question_id": 1, "answer": "B", "time_spent_seconds": 9}, …]; answer null: skipped, which counts as
-- wrong. Where start_quiz() has drawn these questions, it is that quiz: what was not answered was skipped,
-- its time limit holds, by the clock, and it is closed. Questions of one that was left are in no other quiz for a day: else
-- who draws again would have no time limit.
-- Errors: LX001 no answers, too many, one that makes no sense, negative time; LX002; LX003 unknown exam;
-- LX004 user inactive, exam retired, the time is up, or the quiz of these questions was left; LX013.
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
  v_call          learn_internal.call := learn_internal.begin_call(
    'submit_quiz', p_user_id,
    jsonb_build_object('exam_type', p_exam_type, 'answers', p_answers,
      'time_taken_seconds', p_time_taken_seconds),
    p_occurred_at, p_idempotency_key);
  v_answers       learn_internal.graded_answer[];
  v_drawn         learn.drawn_quizzes;
  v_drawn_answers learn_internal.graded_answer[];
  v_attempt_id    bigint;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if pg_column_size(p_answers) > 1048576 then  -- without the price of calls
    perform learn_internal.require_size('p_answers', pg_column_size(p_answers), 1048576, 'bytes');
  end if;
  perform learn_internal.require_exam(p_exam_type);
  if p_time_taken_seconds < 0 then
    raise exception 'the quiz makes no sense'
      using errcode = 'LX001', detail = format('p_time_taken_seconds = %s', p_time_taken_seconds),
        hint = 'The time for a quiz is in seconds, 0 or more.';
  end if;
  v_answers := learn_internal.grade_quiz(p_exam_type, p_answers);

  select d.* into v_drawn
  from learn.drawn_quizzes d
  where d.user_id = p_user_id and d.exam_type = p_exam_type and d.closed_at is null;
  if found then
    v_drawn_answers := learn_internal.complete_drawn_quiz(v_drawn, v_answers);
    v_answers := coalesce(v_drawn_answers, v_answers);
  end if;
  if v_drawn_answers is null then
    select d.* into v_drawn
    from learn.drawn_quizzes d
    where d.user_id = p_user_id and d.exam_type = p_exam_type and d.quiz_attempt_id is null
      and d.closed_at > learn.clock() - interval '24 hours'
      and d.question_ids && array(select a.question_id from unnest(v_answers) a)
    limit 1;
    if found then
      raise exception 'the quiz of these questions was left'
        using errcode = 'LX004',
          detail = format('it was started at %s and closed at %s', v_drawn.started_at, v_drawn.closed_at),
          hint = 'Submit the quiz that is open, or start another: learn.start_quiz().';
    end if;
  end if;

  with attempt as (  -- quiz and answers in one statement: its triggers see both
    insert into learn.quiz_attempts
      (user_id, exam_type, total_questions, correct_answers, time_taken_seconds, completed_at)
    select p_user_id, p_exam_type, count(*), count(*) filter (where a.user_answer = a.correct_answer),
      case when v_drawn_answers is null then p_time_taken_seconds else coalesce(p_time_taken_seconds,
        extract(epoch from learn.clock() - v_drawn.started_at)::integer) end, v_call.occurred_at
    from unnest(v_answers) a
    returning id
  ), answers as (
    insert into learn.user_answers
      (user_id, quiz_attempt_id, position, question_id, user_answer, correct_answer, is_correct,
       time_spent_seconds, answered_at)
    select p_user_id, t.id, a.place, a.question_id, a.user_answer, a.correct_answer,
      coalesce(a.user_answer = a.correct_answer, false), a.seconds, v_call.occurred_at
    from attempt t
    cross join unnest(v_answers) a
  )
  select t.id into v_attempt_id from attempt t;
  if v_drawn_answers is not null then
    update learn.drawn_quizzes d
    set closed_at = greatest(learn.clock(), d.started_at), quiz_attempt_id = v_attempt_id
    where d.user_id = p_user_id and d.id = v_drawn.id;
  end if;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_quiz(uuid, text, jsonb, integer, timestamptz, text) is
  'Submits a completed quiz, graded by the question bank: '
  '[{"question_id": 1, "answer": "B", "time_spent_seconds": 9}, …], times in seconds.';
grant execute on function learn.submit_quiz(uuid, text, jsonb, integer, timestamptz, text)
  to learn_app, learn_user;
