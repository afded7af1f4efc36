-- Completes a lesson for a user. Completing it again pays nothing; it keeps the best
-- score, adds up the time, and is a learning act: it makes the day active.
-- A lesson of a course enrols its user. A score below the lesson's pass mark, or a time
-- beyond its hard limit, is kept, and completes nothing.
-- Errors: LX001 score or time out of range; LX002; LX003 unknown lesson; LX004 not published
-- or user inactive; LX005 its level is locked; LX006 prerequisites of its course are not met;
-- LX007 exercises are not solved yet; LX010 a learner's own session gives a score; LX013.
create or replace function learn.complete_lesson(
  p_user_id            uuid,
  p_lesson_id          bigint,
  p_score              double precision default null,
  p_time_spent_seconds integer default null,
  p_occurred_at        timestamptz default null,
  p_idempotency_key    text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, whatever the size of the tables was: see docs/engine.md
set jit = off
as $$
declare
  v_call      learn_internal.call := learn_internal.begin_call(
    'complete_lesson', p_user_id,
    jsonb_build_object('lesson_id', p_lesson_id, 'score', trim_scale(p_score::numeric),
      'time_spent_seconds', p_time_spent_seconds),
    p_occurred_at, p_idempotency_key);
  v_row       record;
  v_unsolved  bigint[];
  v_is_passed boolean;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  select l.is_available, l.course_level_id, l.pass_score,
    case when l.time_limit_is_hard then l.time_limit_seconds end as hard_limit, p.user_id, p.completed_at, p.score,
    exists (
      select from learn.exercises e
      where e.lesson_id = l.id and e.is_published) as has_exercises
  into v_row
  from learn.lessons l
  left join learn.user_lesson_progress p on p.user_id = p_user_id and p.lesson_id = l.id
  where l.id = p_lesson_id;
  if v_row.is_available is not true
    or v_row.course_level_id is not null and v_row.completed_at is null
  then
    perform learn_internal.require_lesson(p_user_id, p_lesson_id);
  end if;
  if p_score not between 0 and 100 or p_time_spent_seconds < 0 then
    raise exception 'score or time is out of range'
      using errcode = 'LX001',
        detail = format('p_score = %s, p_time_spent_seconds = %s', p_score, p_time_spent_seconds),
        hint = 'A score is a percentage from 0 to 100; time is in seconds, 0 or more.';
  end if;

  if p_score is not null and learn_internal.is_learner() then
    raise exception 'a learner does not grade themselves'
      using errcode = 'LX010', detail = format('p_score = %s', p_score),
        hint = 'Leave p_score out; a backend that is a member of learn_app may pass it.';
  end if;

  if v_row.has_exercises and v_row.completed_at is null then
    select array_agg(e.id order by e.position, e.id) into v_unsolved
    from learn.exercises e
    where e.lesson_id = p_lesson_id and e.is_published and not exists (
      select from learn.user_exercise_progress x
      where x.user_id = p_user_id and x.exercise_id = e.id and x.solved_at is not null);
    if v_unsolved is not null then
      raise exception 'the lesson has unsolved exercises'
        using errcode = 'LX007',
          detail = format('unsolved exercises: %s', array_to_string(v_unsolved, ', ')),
          hint = 'It completes by itself when learn.submit_query() has solved all of them.';
    end if;
  end if;

  -- Below the pass mark the best score is kept, beyond a hard limit only the time, and nothing is completed.
  if v_row.completed_at is null and not v_row.has_exercises and p_time_spent_seconds > v_row.hard_limit then
    p_score := null;
  end if;
  v_is_passed := v_row.completed_at is not null or v_row.has_exercises
    or (v_row.pass_score is null or coalesce(greatest(v_row.score, p_score::numeric) >= v_row.pass_score, false))
      and coalesce(p_time_spent_seconds <= v_row.hard_limit, true);
  if v_row.user_id is null then
    insert into learn.user_lesson_progress
      (user_id, lesson_id, status, score, time_spent_seconds, completed_at)
    values (p_user_id, p_lesson_id, case when v_is_passed then 'completed' else 'in_progress' end, p_score,
      p_time_spent_seconds, case when v_is_passed then v_call.occurred_at end)
    on conflict do nothing;  -- only a direct insert at the same moment conflicts
  end if;
  if v_row.user_id is not null and (v_row.completed_at is null
      or p_score > v_row.score or p_score is not null and v_row.score is null
      or p_time_spent_seconds is not null)
    or v_row.user_id is null and not found
  then
    update learn.user_lesson_progress p
    set status = case when v_is_passed then 'completed' else 'in_progress' end,
      score = greatest(p.score, p_score::numeric),
      time_spent_seconds = case
        when p.time_spent_seconds is null and p_time_spent_seconds is null then null
        else least(
          coalesce(p.time_spent_seconds, 0)::bigint + coalesce(p_time_spent_seconds, 0),
          2147483647)::integer
      end,
      completed_at = coalesce(p.completed_at, case when v_is_passed then v_call.occurred_at end)
    where p.user_id = p_user_id and p.lesson_id = p_lesson_id;
  end if;

  if v_row.completed_at is not null then
    perform learn_internal.write_facts(array[(
      p_user_id, 'lesson_repeated', 'lesson', p_lesson_id::text, '{}', null,
      v_call.occurred_at)::learn_internal.fact]);
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.complete_lesson(uuid, bigint, double precision, integer, timestamptz, text) is
  'Completes a lesson for a user: score in percent (0 to 100), time in seconds. '
  'Again, it pays nothing, but makes the day active.';
grant execute on function learn.complete_lesson(uuid, bigint, double precision, integer, timestamptz, text)
  to learn_app, learn_user;
