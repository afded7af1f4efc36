-- Rates a course, 1 to 5, with a review if there is one. Rating again replaces the earlier rating.
-- Errors: LX001 rating out of range, blank or overlong review; LX002; LX003 unknown course;
-- LX004 not published or user inactive; LX010 the user is not enrolled; LX013.
create or replace function learn.rate_course(
  p_user_id         uuid,
  p_course_id       bigint,
  p_rating          integer,
  p_review          text default null,
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
    'rate_course', p_user_id,
    jsonb_build_object('course_id', p_course_id, 'rating', p_rating, 'review', p_review),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  p_review := learn_internal.require_text('p_review', p_review, 10000);
  perform learn_internal.require_course(p_course_id);
  if p_rating is null or p_rating not between 1 and 5
    or p_review !~ E'\\S'
  then
    raise exception 'the rating makes no sense'
      using errcode = 'LX001',
        detail = format('p_rating = %s, p_review = %L',
          coalesce(p_rating::text, 'null'), left(p_review, 80)),
        hint = 'A rating is a number from 1 to 5; a review has 1 to 10000 characters or is null.';
  end if;
  if not exists (
    select from learn.user_course_progress p
    where p.user_id = p_user_id and p.course_id = p_course_id)
  then
    raise exception 'the user is not enrolled in the course'
      using errcode = 'LX010',
        detail = format('p_user_id = %s, p_course_id = %s', p_user_id, p_course_id),
        hint = 'Enrol first: learn.enroll_in_course().';
  end if;

  insert into learn.course_ratings as r (user_id, course_id, rating, review, created_at, updated_at)
  values (p_user_id, p_course_id, p_rating, p_review, v_call.occurred_at, v_call.occurred_at)
  on conflict (user_id, course_id) do update
    set rating = excluded.rating, review = excluded.review, updated_at = excluded.updated_at;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.rate_course(uuid, bigint, integer, text, timestamptz, text) is
  'Rates a course in which the user is enrolled, 1 to 5; again, it replaces the rating.';
grant execute on function learn.rate_course(uuid, bigint, integer, text, timestamptz, text)
  to learn_app, learn_user;
