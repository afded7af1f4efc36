-- Marks challenges as completed for users, parallel arrays, and follows up: facts, tracks,
-- the challenges that this unlocks, and the users' skill levels. Those that were completed before are passed over.
create or replace function learn_internal.complete_challenges(
  p_user_ids uuid[], p_challenge_ids bigint[], p_at timestamptz[]
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
    select d.user_id, d.challenge_id, d.at, k.slug, k.category, k.difficulty, k.xp_base, k.track_id,
      k.is_active, (select t.slug from learn.tracks t where t.id = k.track_id) as track
    from unnest(p_user_ids, p_challenge_ids, p_at) d(user_id, challenge_id, at)
    join learn.challenges k on k.id = d.challenge_id
    order by d.user_id, d.at, d.challenge_id
  loop
    update learn.user_challenge_progress p
    set completed_at = c.at
    where p.user_id = c.user_id and p.challenge_id = c.challenge_id and p.completed_at is null;
    continue when not found;
    v_facts := v_facts || (
      c.user_id, 'challenge_completed', 'challenge', c.challenge_id::text,
      jsonb_build_object('slug', c.slug, 'category', c.category, 'difficulty', c.difficulty,
        'track', c.track),
      c.xp_base, c.at)::learn_internal.fact;
    if c.track_id is not null and c.is_active then
      v_steps := v_steps || (c.user_id, c.track_id, c.at)::learn_internal.track_step;
    end if;
  end loop;
  if cardinality(v_facts) > 0 then
    perform learn_internal.write_facts(v_facts);
    perform learn_internal.advance_tracks(v_steps);
    perform learn_internal.unlock_challenges(p_user_ids, learn.clock());
  end if;

  -- Who has completed all that was open at their skill level has reached the next one.
  update learn.users u
  set skill_level = case u.skill_level when 'beginner' then 'intermediate' else 'advanced' end
  from learn.difficulties d
  where u.id = any (p_user_ids) and d.key = u.skill_level and u.skill_level <> 'advanced'
    and not exists (
      select from learn.user_challenge_progress p
      join learn.challenges o on o.id = p.challenge_id and o.is_active
      join learn.difficulties k on k.key = o.difficulty
      where p.user_id = u.id and p.unlocked_at is not null and p.completed_at is null and k.rank <= d.rank
        and exists (select from learn.challenge_levels l where l.challenge_id = o.id));
end;
$$;
comment on function learn_internal.complete_challenges(uuid[], bigint[], timestamptz[]) is
  'Completes challenges for users, writes the facts, moves the tracks, and unlocks what is next.';
