-- Submits an attempt at a level of a challenge, run and judged by the backend: score in percent.
-- The first pass of a level pays its XP less the penalties of hints used; passing the last
-- level completes the challenge.
-- Errors: LX001 score out of range, no verdict, negative time, a snapshot or results of another
-- shape; LX002; LX003 unknown level; LX004 challenge or user inactive; LX005 the challenge
-- or a level before is not done; LX013.
create or replace function learn.submit_level_attempt(
  p_user_id            uuid,
  p_challenge_id       bigint,
  p_level_number       integer,
  p_score              double precision,
  p_passed             boolean,
  p_design_snapshot    jsonb default '{}',
  p_test_results       jsonb default '[]',
  p_time_spent_seconds integer default null,
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
  v_call learn_internal.call := learn_internal.begin_call(
    'submit_level_attempt', p_user_id,
    jsonb_build_object('challenge_id', p_challenge_id, 'level_number', p_level_number,
      'score', trim_scale(p_score::numeric), 'passed', p_passed, 'design_snapshot', p_design_snapshot,
      'test_results', p_test_results, 'time_spent_seconds', p_time_spent_seconds),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size(
    'p_design_snapshot', pg_column_size(p_design_snapshot), 1048576, 'bytes');
  perform learn_internal.require_size(
    'p_test_results', pg_column_size(p_test_results), 1048576, 'bytes');
  perform learn_internal.require_challenge_level(p_challenge_id, p_level_number);
  if p_score is null or p_score not between 0 and 100 or p_passed is null
    or p_time_spent_seconds < 0
    or jsonb_typeof(p_design_snapshot) is distinct from 'object'
    or jsonb_typeof(p_test_results) not in ('array', 'object') or p_test_results is null
  then
    raise exception 'the attempt makes no sense'
      using errcode = 'LX001',
        detail = format('p_score = %s, p_passed = %s, p_time_spent_seconds = %s, '
          'p_design_snapshot is %s, p_test_results is %s', p_score, p_passed, p_time_spent_seconds,
          jsonb_typeof(p_design_snapshot), jsonb_typeof(p_test_results)),
        hint = 'A score is a percentage from 0 to 100 with a verdict; time is in seconds; '
          'a design is a JSON object, results are an array or an object.';
  end if;

  insert into learn.level_attempts
    (user_id, challenge_id, level_number, design_snapshot, test_results, score, passed,
     time_spent_seconds, created_at)
  values
    (p_user_id, p_challenge_id, p_level_number, p_design_snapshot, p_test_results, p_score, p_passed,
     p_time_spent_seconds, v_call.occurred_at);

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_level_attempt(
  uuid, bigint, integer, double precision, boolean, jsonb, jsonb, integer, timestamptz, text) is
  'Submits a judged attempt at a level of a challenge: score in percent, time in seconds. '
  'The first pass pays.';
grant execute on function learn.submit_level_attempt(
  uuid, bigint, integer, double precision, boolean, jsonb, jsonb, integer, timestamptz, text) to learn_app;
