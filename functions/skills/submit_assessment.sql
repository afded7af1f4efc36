-- Submits a completed assessment, which the database grades; the results are in
-- learn.assessment_results. Types: initial, track_placement, periodic.
-- Errors: LX001 unknown type, questions or responses that make no sense; LX002;
-- LX004 user inactive; LX013.
create or replace function learn.submit_assessment(
  p_user_id         uuid,
  p_assessment_type text,
  p_questions       jsonb,
  p_responses       jsonb,
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
  v_call    learn_internal.call := learn_internal.begin_call(
    'submit_assessment', p_user_id,
    jsonb_build_object('assessment_type', p_assessment_type, 'questions', p_questions,
      'responses', p_responses),
    p_occurred_at, p_idempotency_key);
  v_problem text;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_assessment_type', length(p_assessment_type), 20);
  perform learn_internal.require_size('p_questions', pg_column_size(p_questions), 1048576, 'bytes');
  perform learn_internal.require_size('p_responses', pg_column_size(p_responses), 1048576, 'bytes');
  if p_assessment_type is null
    or p_assessment_type not in ('initial', 'track_placement', 'periodic')
  then
    v_problem := format('p_assessment_type = %s', coalesce(left(p_assessment_type, 50), 'null'));
  else
    v_problem := learn_internal.assessment_problem(p_questions, p_responses);
  end if;
  if v_problem is not null then
    raise exception 'the assessment makes no sense'
      using errcode = 'LX001', detail = v_problem,
        hint = 'The type is initial, track_placement or periodic. Questions are '
          '[{"id": "q1", "category": "caching", "correct_answer": "B"}, …], 1 to 500 of them; '
          'responses are [{"id": "q1", "answer": "B"}, …], at most one for each.';
  end if;

  insert into learn.assessment_results
    (user_id, assessment_type, questions, responses, completed_at)
  values (p_user_id, p_assessment_type, p_questions, p_responses, v_call.occurred_at);

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_assessment(uuid, text, jsonb, jsonb, timestamptz, text) is
  'Submits a completed assessment, graded by the database: '
  '[{"id": "q1", "category": "caching", "correct_answer": "B"}, …] and '
  '[{"id": "q1", "answer": "B"}, …]. What it says of the user is in assessment_results.';
grant execute on function learn.submit_assessment(uuid, text, jsonb, jsonb, timestamptz, text)
  to learn_app;
