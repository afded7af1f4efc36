-- Enrols a user in a course and unlocks its first level. Enrolling again changes nothing.
-- Errors: LX001, LX002, LX003 unknown course, LX004 not published or user inactive,
-- LX006 required prerequisites are not completed, LX013.
create or replace function learn.enroll_in_course(
  p_user_id         uuid,
  p_course_id       bigint,
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
    'enroll_in_course', p_user_id, jsonb_build_object('course_id', p_course_id),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_course(p_course_id);

  insert into learn.user_course_progress (user_id, course_id, enrolled_at)
  values (p_user_id, p_course_id, v_call.occurred_at)
  on conflict (user_id, course_id) do nothing;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.enroll_in_course(uuid, bigint, timestamptz, text) is
  'Enrols a user in a course whose required prerequisites are completed, and unlocks '
  'its first level.';
grant execute on function learn.enroll_in_course(uuid, bigint, timestamptz, text) to learn_app, learn_user;
