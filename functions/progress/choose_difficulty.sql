-- Notes the tier that a user has chosen for a course: a difficulty that some lesson of it has; null: none.
-- It is a preference and locks nothing: the other tiers stay open.
-- Errors: LX001 the course has no lesson of this difficulty; LX002; LX003 unknown course; LX004 not published
-- or user inactive; LX010 the user is not enrolled; LX013.
create or replace function learn.choose_difficulty(
  p_user_id         uuid,
  p_course_id       bigint,
  p_difficulty      text,
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
    'choose_difficulty', p_user_id,
    jsonb_build_object('course_id', p_course_id, 'difficulty', p_difficulty),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_difficulty', length(p_difficulty), 200);
  perform learn_internal.require_course(p_course_id);
  if p_difficulty is not null and not exists (
    select from learn.lessons l
    where l.course_id = p_course_id and l.difficulty = p_difficulty and l.is_available)
  then
    raise exception 'the course has no lesson of this difficulty'
      using errcode = 'LX001', detail = format('p_course_id = %s, p_difficulty = %s', p_course_id, p_difficulty),
        hint = 'Choose one of learn.lessons.difficulty of the course.';
  end if;
  update learn.user_course_progress p set preferred_difficulty = p_difficulty
  where p.user_id = p_user_id and p.course_id = p_course_id;
  if not found then
    raise exception 'the user is not enrolled in the course'
      using errcode = 'LX010', detail = format('p_user_id = %s, p_course_id = %s', p_user_id, p_course_id),
        hint = 'Enrol first: learn.enroll_in_course().';
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.choose_difficulty(uuid, bigint, text, timestamptz, text) is
  'Notes the tier that a user has chosen for a course: easy, medium, hard, or what its lessons have; null: none.';
grant execute on function learn.choose_difficulty(uuid, bigint, text, timestamptz, text) to learn_app, learn_user;
