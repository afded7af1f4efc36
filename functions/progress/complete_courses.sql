-- Marks courses as completed for users, parallel arrays, and follows up: facts, certificates
-- and tracks.
create or replace function learn_internal.complete_courses(
  p_user_ids uuid[], p_course_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  c       record;
  v_facts learn_internal.fact[] := '{}'::learn_internal.fact[];
  v_steps learn_internal.track_step[] := '{}'::learn_internal.track_step[];
begin
  for c in
    select d.user_id, d.course_id, d.at, k.slug, k.category, k.difficulty, k.language, k.completion_xp,
      k.track_id, k.is_published and k.total_lessons > 0 as is_item,
      (select t.slug from learn.tracks t where t.id = k.track_id) as track
    from unnest(p_user_ids, p_course_ids, p_at) d(user_id, course_id, at)
    join learn.courses k on k.id = d.course_id
    order by d.user_id, d.at, d.course_id
  loop
    update learn.user_course_progress p
    set completed_at = c.at
    where p.user_id = c.user_id and p.course_id = c.course_id;
    v_facts := v_facts || (
      c.user_id, 'course_completed', 'course', c.course_id::text,
      jsonb_build_object('slug', c.slug, 'category', c.category, 'difficulty', c.difficulty,
        'language', c.language, 'track', c.track),
      c.completion_xp, c.at)::learn_internal.fact;
    if c.track_id is not null and c.is_item then
      v_steps := v_steps || (c.user_id, c.track_id, c.at)::learn_internal.track_step;
    end if;
  end loop;
  perform learn_internal.write_facts(v_facts);
  perform learn_internal.issue_certificates(p_user_ids, p_course_ids, p_at);
  perform learn_internal.advance_tracks(v_steps);
end;
$$;
comment on function learn_internal.complete_courses(uuid[], bigint[], timestamptz[]) is
  'Completes courses for users, writes the facts, issues certificates, and moves the tracks.';
