-- Marks courses as completed for users, parallel arrays, and follows up: facts, certificates
-- and tracks.
create or replace function learn_internal.complete_courses(
  p_user_ids uuid[], p_course_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
set jit = off
as $$
declare
  v_facts learn_internal.fact[];
begin
  with completed as (
    update learn.user_course_progress p
    set completed_at = c.at
    from unnest(p_user_ids, p_course_ids, p_at) c(user_id, course_id, at)
    where p.user_id = c.user_id and p.course_id = c.course_id
    returning p.user_id, p.course_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'course_completed', 'course', c.course_id::text,
      jsonb_build_object('slug', k.slug, 'category', k.category, 'difficulty', k.difficulty,
        'language', k.language, 'track', t.slug),
      k.completion_xp, c.completed_at)::learn_internal.fact
    order by c.user_id, c.completed_at, c.course_id)
  into v_facts
  from completed c
  join learn.courses k on k.id = c.course_id
  left join learn.tracks t on t.id = k.track_id;
  perform learn_internal.write_facts(v_facts);

  perform learn_internal.issue_certificates(p_user_ids, p_course_ids, p_at);
  perform learn_internal.advance_tracks(
    array_agg((c.user_id, k.track_id, c.at)::learn_internal.track_step))
  from unnest(p_user_ids, p_course_ids, p_at) c(user_id, course_id, at)
  join learn.courses k on k.id = c.course_id and k.track_id is not null
  where k.is_published and k.total_lessons > 0
  having count(*) > 0;
end;
$$;
comment on function learn_internal.complete_courses(uuid[], bigint[], timestamptz[]) is
  'Completes courses for users, writes the facts, issues certificates, and moves the tracks.';
revoke all on function learn_internal.complete_courses(uuid[], bigint[], timestamptz[]) from public;
