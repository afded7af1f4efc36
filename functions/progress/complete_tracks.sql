-- Follows up when users have completed tracks: a fact for each, challenges that this unlocks, learning paths and
-- difficulties. Takes parallel arrays of rows of user_track_progress that have just been completed.
create or replace function learn_internal.complete_tracks(
  p_user_ids uuid[], p_track_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_facts learn_internal.fact[];
begin
  perform learn_internal.write_facts(array(
    select (d.user_id, 'track_completed', 'track', d.track_id::text,
      jsonb_build_object('difficulty', t.difficulty, 'slug', t.slug), t.completion_xp, d.at)::learn_internal.fact
    from unnest(p_user_ids, p_track_ids, p_at) d(user_id, track_id, at)
    join learn.tracks t on t.id = d.track_id
    order by d.user_id, d.at, d.track_id));

  if exists (
    select from learn.track_prerequisites e
    join learn.challenges k on k.track_id = e.track_id and k.is_active
    where e.prerequisite_track_id = any (p_track_ids))
  then
    perform learn_internal.unlock_challenges(p_user_ids, learn.clock());
  end if;

  v_facts := learn_internal.advance_goals(p_user_ids, p_track_ids);
  if cardinality(v_facts) > 0 then
    perform learn_internal.write_facts(v_facts);
  end if;
end;
$$;
comment on function learn_internal.complete_tracks(uuid[], bigint[], timestamptz[]) is
  'Writes the facts of tracks that users have completed; completes the paths and difficulties that this fills.';
