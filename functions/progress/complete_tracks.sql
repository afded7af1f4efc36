-- Marks tracks as completed for users and follows up: challenges that this
-- unlocks, learning paths and difficulties.
-- Takes parallel arrays of rows of user_track_progress that have just reached their total.
-- What it completes is written to the log.
create or replace function learn_internal.complete_tracks(
  p_user_ids uuid[], p_track_ids bigint[], p_at timestamptz[]
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
    update learn.user_track_progress p
    set completed_at = c.at
    from unnest(p_user_ids, p_track_ids, p_at) c(user_id, track_id, at)
    where p.user_id = any (array[c.user_id]) and p.track_id = c.track_id
    returning p.user_id, p.track_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'track_completed', 'track', c.track_id::text,
      jsonb_build_object('difficulty', t.difficulty, 'slug', t.slug), t.completion_xp,
      c.completed_at)::learn_internal.fact
    order by c.user_id, c.completed_at, c.track_id)
  into v_facts
  from completed c
  join learn.tracks t on t.id = any (array[c.track_id]);
  perform learn_internal.write_facts(v_facts);

  if exists (
    select from learn.track_prerequisites e
    join learn.challenges c on c.track_id = e.track_id and c.is_active
    where e.prerequisite_track_id = any (p_track_ids))
  then
    perform learn_internal.unlock_challenges(p_user_ids, learn.clock());
  end if;

  select array_agg(f::learn_internal.fact) into v_facts
  from (
    select p.* from learn_internal.refresh_paths(p_user_ids, (
      select array_agg(distinct pt.path_id) from learn.learning_path_tracks pt
      where pt.track_id = any (p_track_ids))) p
    union all
    select d.* from learn_internal.refresh_difficulties(p_user_ids, (
      select array_agg(distinct t.difficulty) from learn.tracks t where t.id = any (p_track_ids))) d
  ) f;
  if v_facts is not null then
    perform learn_internal.write_facts(v_facts);
  end if;
end;
$$;
comment on function learn_internal.complete_tracks(uuid[], bigint[], timestamptz[]) is
  'Completes tracks for users, then the paths and difficulties that this completes; '
  'and writes the facts.';
revoke all on function learn_internal.complete_tracks(uuid[], bigint[], timestamptz[]) from public;
