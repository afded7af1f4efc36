-- Marks challenges as completed for users, parallel arrays, and follows up: facts, tracks,
-- the challenges that this unlocks, and the users' skill levels.
create or replace function learn_internal.complete_challenges(
  p_user_ids uuid[], p_challenge_ids bigint[], p_at timestamptz[]
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
    update learn.user_challenge_progress p
    set completed_at = c.at
    from unnest(p_user_ids, p_challenge_ids, p_at) c(user_id, challenge_id, at)
    where p.user_id = c.user_id and p.challenge_id = c.challenge_id
    returning p.user_id, p.challenge_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'challenge_completed', 'challenge', c.challenge_id::text,
      jsonb_build_object('slug', k.slug, 'category', k.category, 'difficulty', k.difficulty,
        'track', t.slug),
      k.xp_base, c.completed_at)::learn_internal.fact
    order by c.user_id, c.completed_at, c.challenge_id)
  into v_facts
  from completed c
  join learn.challenges k on k.id = c.challenge_id
  left join learn.tracks t on t.id = k.track_id;
  perform learn_internal.write_facts(v_facts);

  perform learn_internal.advance_tracks(
    array_agg((c.user_id, k.track_id, c.at)::learn_internal.track_step))
  from unnest(p_user_ids, p_challenge_ids, p_at) c(user_id, challenge_id, at)
  join learn.challenges k on k.id = c.challenge_id and k.track_id is not null
  where k.is_active and exists (
    select from learn.challenge_levels l where l.challenge_id = k.id)
  having count(*) > 0;
  perform learn_internal.unlock_challenges(p_user_ids, learn.clock());

  -- Who has completed all that was open at their skill level has reached the next one.
  update learn.users u
  set skill_level = case u.skill_level when 'beginner' then 'intermediate' else 'advanced' end
  from learn.difficulties d
  where u.id = any (p_user_ids) and d.key = u.skill_level and u.skill_level <> 'advanced'
    and not exists (
      select from learn.user_challenge_progress p
      join learn.challenges c on c.id = p.challenge_id and c.is_active
      join learn.difficulties k on k.key = c.difficulty
      where p.user_id = u.id and p.unlocked_at is not null and p.completed_at is null and k.rank <= d.rank
        and exists (select from learn.challenge_levels l where l.challenge_id = c.id));
end;
$$;
comment on function learn_internal.complete_challenges(uuid[], bigint[], timestamptz[]) is
  'Completes challenges for users, writes the facts, moves the tracks, and unlocks what is next.';
revoke all on function learn_internal.complete_challenges(uuid[], bigint[], timestamptz[])
  from public;
