-- Completes a lesson for a user. Completing it again pays nothing; it keeps the best
-- score and adds up the time.
-- A lesson of a course enrols its user.
-- Errors: LX001 score or time out of range; LX002; LX003 unknown lesson; LX004 not published
-- or user inactive; LX005 its level is locked; LX006 prerequisites of its course are not met;
-- LX007 exercises are not solved yet; LX013.
create or replace function learn.complete_lesson(
  p_user_id            uuid,
  p_lesson_id          bigint,
  p_score              numeric default null,
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
  v_call     learn_internal.call := learn_internal.begin_call(
    'complete_lesson', p_user_id,
    jsonb_build_object('lesson_id', p_lesson_id, 'score', trim_scale(p_score),
      'time_spent_seconds', p_time_spent_seconds),
    p_occurred_at, p_idempotency_key);
  v_unsolved bigint[];
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_lesson(p_user_id, p_lesson_id);
  if p_score not between 0 and 100 or p_score = 'NaN' or p_time_spent_seconds < 0 then
    raise exception 'score or time is out of range'
      using errcode = 'LX001',
        detail = format('p_score = %s, p_time_spent_seconds = %s', p_score, p_time_spent_seconds),
        hint = 'A score is a percentage from 0 to 100; time is in seconds, 0 or more.';
  end if;

  if exists (
    select from learn.exercises e where e.lesson_id = p_lesson_id and e.is_published)
  then
    select array_agg(e.id order by e.position, e.id) into v_unsolved
    from learn.exercises e
    where e.lesson_id = p_lesson_id and e.is_published and not exists (
      select from learn.user_exercise_progress x
      where x.user_id = p_user_id and x.exercise_id = e.id and x.solved_at is not null);
  end if;
  if v_unsolved is not null and not exists (
    select from learn.user_lesson_progress p
    where p.user_id = p_user_id and p.lesson_id = p_lesson_id and p.completed_at is not null)
  then
    raise exception 'the lesson has unsolved exercises'
      using errcode = 'LX007',
        detail = format('unsolved exercises: %s', array_to_string(v_unsolved, ', ')),
        hint = 'It completes by itself when learn.submit_query() has solved all of them.';
  end if;

  insert into learn.user_lesson_progress as p
    (user_id, lesson_id, status, score, time_spent_seconds, completed_at)
  values (p_user_id, p_lesson_id, 'completed', p_score, p_time_spent_seconds, v_call.occurred_at)
  on conflict (user_id, lesson_id) do update
    set status = 'completed',
      score = greatest(p.score, excluded.score),
      time_spent_seconds = case
        when p.time_spent_seconds is null and excluded.time_spent_seconds is null then null
        else least(
          coalesce(p.time_spent_seconds, 0)::bigint + coalesce(excluded.time_spent_seconds, 0),
          2147483647)::integer
      end,
      completed_at = coalesce(p.completed_at, excluded.completed_at);

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.complete_lesson(uuid, bigint, numeric, integer, timestamptz, text) is
  'Completes a lesson for a user: score in percent (0 to 100), time in seconds. '
  'Again, it pays nothing.';
revoke all on function learn.complete_lesson(uuid, bigint, numeric, integer, timestamptz, text)
  from public;
grant execute on function learn.complete_lesson(uuid, bigint, numeric, integer, timestamptz, text)
  to learn_app;
