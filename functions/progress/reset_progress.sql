-- Lets a user begin again: a completed lesson, the completed lessons of a course, a challenge, all of these in a track,
-- or a skill, whose points come back. What was earned stays, completions of the whole too, and nothing pays or counts
-- a second time. What is not completed stays as it is: a first try is the first one. So do hints that were used.
-- Errors: LX001 unknown kind; LX002; LX003 no such thing; LX004 user inactive; LX013.
create or replace function learn.reset_progress(
  p_user_id         uuid,
  p_kind            text,
  p_id              bigint,
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
  v_call       learn_internal.call := learn_internal.begin_call(
    'reset_progress', p_user_id, jsonb_build_object('kind', p_kind, 'id', p_id),
    p_occurred_at, p_idempotency_key);
  v_is_known   boolean;
  v_lessons    bigint[];
  v_challenges bigint[];
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_kind', length(p_kind), 50);
  v_is_known := case p_kind
    when 'lesson' then exists (select from learn.lessons l where l.id = p_id)
    when 'course' then exists (select from learn.courses c where c.id = p_id)
    when 'challenge' then exists (select from learn.challenges c where c.id = p_id)
    when 'track' then exists (select from learn.tracks t where t.id = p_id)
    when 'skill' then exists (select from learn.skills s where s.id = p_id)
  end;
  if v_is_known is null then
    raise exception 'this cannot be reset'
      using errcode = 'LX001', detail = format('p_kind = %L', p_kind),
        hint = 'Kinds are: lesson, course, challenge, track, skill.';
  elsif not v_is_known then
    raise exception 'unknown %', p_kind
      using errcode = 'LX003', detail = format('p_id = %s', coalesce(p_id::text, 'null')),
        hint = format('Look the %s up.', p_kind);
  end if;

  select array_agg(p.lesson_id) into v_lessons
  from learn.user_lesson_progress p
  join learn.lessons l on l.id = p.lesson_id
  where p.user_id = p_user_id and p.completed_at is not null and case p_kind
    when 'lesson' then l.id = p_id
    when 'course' then l.course_id = p_id
    when 'track' then l.course_id in (select c.id from learn.courses c where c.track_id = p_id)
      or l.id in (select t.lesson_id from learn.track_lessons t where t.track_id = p_id)
  end;
  delete from learn.query_submissions q
  using learn.exercises e
  where q.user_id = p_user_id and e.lesson_id = any (v_lessons) and q.exercise_id = e.id;
  delete from learn.user_lesson_progress p where p.user_id = p_user_id and p.lesson_id = any (v_lessons);

  select array_agg(c.id) into v_challenges
  from learn.challenges c
  where case p_kind when 'challenge' then c.id = p_id when 'track' then c.track_id = p_id end;
  delete from learn.level_attempts a where a.user_id = p_user_id and a.challenge_id = any (v_challenges);
  delete from learn.imported_challenge_progress i
  where i.user_id = p_user_id and i.challenge_id = any (v_challenges);

  if p_kind = 'skill' then
    update learn.user_skills u set points_allocated = 0 where u.user_id = p_user_id and u.skill_id = p_id;
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.reset_progress(uuid, text, bigint, timestamptz, text) is
  'Lets a user begin a lesson, course, challenge, track or skill again. What was earned stays, and is not paid again.';
grant execute on function learn.reset_progress(uuid, text, bigint, timestamptz, text) to learn_app, learn_user;
