-- After users have completed tracks (parallel arrays): counts them in their learning paths and
-- difficulties, and completes those that this fills. Returns the facts to write.
-- The caller has locked the users.
create or replace function learn_internal.advance_goals(p_user_ids uuid[], p_track_ids bigint[])
returns learn_internal.fact[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  g         record;              -- a user, and a path or a difficulty
  v_count   record;
  v_earlier timestamptz;
  v_at      timestamptz;
  v_facts   learn_internal.fact[] := '{}'::learn_internal.fact[];
begin
  for g in
    select distinct c.user_id, p.id, p.slug, p.is_published
    from unnest(p_user_ids, p_track_ids) c(user_id, track_id)
    join learn.learning_path_tracks i on i.track_id = c.track_id
    join learn.learning_paths p on p.id = i.path_id
    order by c.user_id, p.id
  loop
    select count(*)::integer as total, count(p.completed_at)::integer as done,
      max(p.completed_at) as at
    into v_count
    from learn.learning_path_tracks i
    join learn_internal.filled_tracks t on t.track_id = i.track_id
    left join learn.user_track_progress p on p.user_id = g.user_id and p.track_id = i.track_id
    where i.path_id = g.id;
    select p.completed_at into v_earlier
    from learn.user_path_progress p
    where p.user_id = g.user_id and p.path_id = g.id;
    v_at := coalesce(v_earlier, case
      when g.is_published and v_count.total > 0 and v_count.done = v_count.total then v_count.at end);
    insert into learn.user_path_progress as p
      (user_id, path_id, tracks_completed, total_tracks, completed_at)
    values (g.user_id, g.id, v_count.done, v_count.total, v_at)
    on conflict (user_id, path_id) do update
      set tracks_completed = excluded.tracks_completed, total_tracks = excluded.total_tracks,
        completed_at = excluded.completed_at;
    if v_earlier is null and v_at is not null then
      v_facts := v_facts || (
        g.user_id, 'path_completed', 'path', g.id::text, jsonb_build_object('slug', g.slug),
        null, v_at)::learn_internal.fact;
    end if;
  end loop;

  for g in
    select distinct c.user_id, t.difficulty
    from unnest(p_user_ids, p_track_ids) c(user_id, track_id)
    join learn.tracks t on t.id = c.track_id
    order by c.user_id, t.difficulty
  loop
    -- nearly always, one that is missing is found at once
    continue when exists (
      select from learn_internal.filled_tracks t
      left join learn.user_track_progress p on p.user_id = g.user_id and p.track_id = t.track_id
      where t.difficulty = g.difficulty and p.completed_at is null);
    insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
    select g.user_id, g.difficulty, max(p.completed_at)
    from learn_internal.filled_tracks t
    join learn.user_track_progress p on p.user_id = g.user_id and p.track_id = t.track_id
    where t.difficulty = g.difficulty
    on conflict do nothing
    returning completed_at into v_at;
    if found then
      v_facts := v_facts || (
        g.user_id, 'difficulty_completed', 'difficulty', g.difficulty,
        jsonb_build_object('difficulty', g.difficulty), null, v_at)::learn_internal.fact;
    end if;
  end loop;
  return v_facts;
end;
$$;
comment on function learn_internal.advance_goals(uuid[], bigint[]) is
  'Counts completed tracks in paths and difficulties, and completes what that fills; returns the facts.';
