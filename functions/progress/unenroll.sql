-- Takes a user out of a course. What was completed and earned stays, and is not paid again: who enrols once more goes
-- on where they left. Who is not enrolled is no error.
-- Errors: LX001, LX002, LX003 unknown course, LX004 user inactive, LX013.
create or replace function learn.unenroll(
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
    'unenroll', p_user_id, jsonb_build_object('course_id', p_course_id), p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if not exists (select from learn.courses c where c.id = p_course_id) then
    raise exception 'unknown course'
      using errcode = 'LX003', detail = format('p_course_id = %s', coalesce(p_course_id::text, 'null')),
        hint = 'Look the course up in learn.courses.';
  end if;
  delete from learn.user_course_progress p where p.user_id = p_user_id and p.course_id = p_course_id;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.unenroll(uuid, bigint, timestamptz, text) is
  'Takes a user out of a course. What was completed and earned stays, and is not paid again.';
grant execute on function learn.unenroll(uuid, bigint, timestamptz, text) to learn_app, learn_user;
