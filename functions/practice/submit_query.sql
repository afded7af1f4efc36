-- Records a run of a query for an exercise, graded by the backend that ran it.
-- Errors: LX001 blank query, no verdict, an error message on a correct query, negative duration;
-- LX002; LX003 unknown exercise; LX004 exercise or lesson not published, or user inactive;
-- LX005 the lesson's level is locked; LX013.
create or replace function learn.submit_query(
  p_user_id         uuid,
  p_exercise_id     bigint,
  p_query_text      text,
  p_is_correct      boolean,
  p_error_message   text default null,
  p_duration_ms     integer default null,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call         learn_internal.call := learn_internal.begin_call(
    'submit_query', p_user_id,
    jsonb_build_object('exercise_id', p_exercise_id, 'query_text', p_query_text,
      'is_correct', p_is_correct, 'error_message', p_error_message, 'duration_ms', p_duration_ms),
    p_occurred_at, p_idempotency_key);
  v_exercise     record;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if length(p_query_text) > 100000 or length(p_error_message) > 10000 then  -- without the price of calls
    perform learn_internal.require_size('p_query_text', length(p_query_text), 100000);
    perform learn_internal.require_size('p_error_message', length(p_error_message), 10000);
  end if;
  select e.lesson_id, e.is_published, l.is_available, l.course_level_id into v_exercise
  from learn.exercises e
  join learn.lessons l on l.id = e.lesson_id
  where e.id = p_exercise_id;
  if not found then
    raise exception 'unknown exercise'
      using errcode = 'LX003',
        detail = format('p_exercise_id = %s', coalesce(p_exercise_id::text, 'null')),
        hint = 'Look the exercise up in learn.exercises.';
  end if;
  if not v_exercise.is_published then
    raise exception 'the exercise is not published'
      using errcode = 'LX004', detail = format('p_exercise_id = %s', p_exercise_id),
        hint = 'Publish it: learn.exercises.is_published.';
  end if;
  if not v_exercise.is_available or v_exercise.course_level_id is not null then  -- else it is open to everybody
    perform learn_internal.require_lesson(p_user_id, v_exercise.lesson_id);
  end if;
  if coalesce(p_query_text, '') !~ E'\\S' or p_is_correct is null or p_duration_ms < 0
    or p_is_correct and p_error_message is not null
  then
    raise exception 'the submission makes no sense'
      using errcode = 'LX001',
        detail = format(
          'p_query_text = %L, p_is_correct = %s, p_error_message = %L, p_duration_ms = %s',
          left(p_query_text, 80), p_is_correct, p_error_message, p_duration_ms),
        hint = 'A submission has a query and a verdict; one with an error message is not correct; '
          'its duration is in milliseconds, 0 or more.';
  end if;

  insert into learn.query_submissions
    (user_id, exercise_id, query_text, is_correct, error_message, duration_ms, submitted_at)
  values
    (p_user_id, p_exercise_id, p_query_text, p_is_correct, p_error_message,
     p_duration_ms, v_call.occurred_at);

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_query(
  uuid, bigint, text, boolean, text, integer, timestamptz, text) is
  'Records a graded run of a query for an exercise: an error message when it did not execute, '
  'duration in milliseconds.';
grant execute on function learn.submit_query(
  uuid, bigint, text, boolean, text, integer, timestamptz, text) to learn_app;
