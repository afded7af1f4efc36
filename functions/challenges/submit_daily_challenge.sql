-- Submits a user's one scored attempt at the challenge of the day (UTC), locked or not, judged by
-- the backend. Passed, it pays the challenge's xp_base times the day's multiplier. An attempt that comes in
-- late is at the challenge of its own day; still there is one on a day, by learn.clock().
-- Errors: LX001 score out of range, no verdict; LX002; LX003 no challenge is scheduled for the day;
-- LX004 user inactive; LX008 it was submitted before, or another one came in on this day; LX013.
create or replace function learn.submit_daily_challenge(
  p_user_id         uuid,
  p_score           double precision,
  p_passed          boolean,
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
  v_call     learn_internal.call := learn_internal.begin_call(
    'submit_daily_challenge', p_user_id,
    jsonb_build_object('score', trim_scale(p_score::numeric), 'passed', p_passed),
    p_occurred_at, p_idempotency_key);
  v_today    date := (v_call.occurred_at at time zone 'UTC')::date;
  v_midnight timestamptz := date_trunc('day', learn.clock(), 'UTC');
  v_daily_id bigint;
  v_earlier  date;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if p_score is null or p_score not between 0 and 100 or p_passed is null then
    raise exception 'the attempt makes no sense'
      using errcode = 'LX001',
        detail = format('p_score = %s, p_passed = %s', p_score, p_passed),
        hint = 'A score is a percentage from 0 to 100, with a verdict.';
  end if;
  select d.id into v_daily_id from learn.daily_challenges d where d.date = v_today;
  if not found then
    raise exception 'there is no challenge of the day'
      using errcode = 'LX003', detail = format('date = %s (UTC)', v_today),
        hint = 'Schedule them ahead: learn.schedule_daily_challenges().';
  end if;

  select d.date into v_earlier
  from learn.daily_challenge_attempts a
  join learn.daily_challenges d on d.id = a.daily_challenge_id
  where a.user_id = p_user_id and a.recorded_at >= v_midnight;
  if found then
    raise exception 'the user has had the attempt of the day'
      using errcode = 'LX008',
        detail = format('p_user_id = %s: one came in at the challenge of %s', p_user_id, v_earlier),
        hint = format('The next one is possible on %s (UTC).',
          ((v_midnight + interval '1 day') at time zone 'UTC')::date);
  end if;

  insert into learn.daily_challenge_attempts
    (user_id, daily_challenge_id, score, passed, completed_at)
  values (p_user_id, v_daily_id, p_score, p_passed, v_call.occurred_at)
  on conflict do nothing;
  if not found then
    raise exception 'the challenge of the day was submitted before'
      using errcode = 'LX008', detail = format('p_user_id = %s, date = %s', p_user_id, v_today),
        hint = format('The next one is on %s (UTC).', v_today + 1);
  end if;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_daily_challenge(uuid, double precision, boolean, timestamptz, text) is
  'Submits a user''s one attempt at the challenge of the day (UTC): score in percent; '
  'passed, it pays.';
grant execute on function learn.submit_daily_challenge(uuid, double precision, boolean, timestamptz, text)
  to learn_app;
