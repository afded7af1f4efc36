-- Notes that a user starts a lesson. Starting again changes nothing.
-- Errors: LX001, LX002, LX003 unknown lesson, LX004 not published or user inactive,
-- LX005 the lesson's level is locked, LX013.
create or replace function learn.start_lesson(
  p_user_id         uuid,
  p_lesson_id       bigint,
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
  v_call learn_internal.call := learn_internal.begin_call(
    'start_lesson', p_user_id, jsonb_build_object('lesson_id', p_lesson_id),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_lesson(p_user_id, p_lesson_id);

  insert into learn.user_lesson_progress (user_id, lesson_id, status, started_at)
  values (p_user_id, p_lesson_id, 'in_progress', v_call.occurred_at)
  on conflict do nothing;
  if not found then
    update learn.user_lesson_progress p
    set status = 'in_progress', started_at = v_call.occurred_at
    where p.user_id = p_user_id and p.lesson_id = p_lesson_id
      and p.started_at is null and p.completed_at is null;
  end if;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.start_lesson(uuid, bigint, timestamptz, text) is
  'Notes that a user starts a lesson; the time to its completion counts from here. '
  'Starting again changes nothing.';
grant execute on function learn.start_lesson(uuid, bigint, timestamptz, text) to learn_app, learn_user;
