-- Every active challenge as one user sees it, with its levels.
-- Errors: LX002 unknown user.
create or replace function learn.challenge_status(p_user_id uuid)
returns table (
  challenge_id bigint, slug text, title text, category text, track text, status text,
  is_unlocked boolean, current_level integer, levels_completed integer[], best_score numeric,
  levels jsonb
)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  return query
  select c.id, c.slug, c.title, c.category, t.slug, coalesce(p.status, 'not_started'),
    p.unlocked_at is not null, coalesce(p.current_level, 0), coalesce(p.levels_completed, '{}'),
    p.best_score,
    (
      select coalesce(jsonb_agg(jsonb_build_object(
          'level', l.level_number, 'name', l.level_name, 'xp_reward', l.xp_reward,
          'completed', l.level_number = any (coalesce(p.levels_completed, '{}')))
        order by l.level_number), '[]')
      from learn.challenge_levels l
      where l.challenge_id = c.id
    )
  from learn.challenges c
  left join learn.tracks t on t.id = c.track_id
  left join learn.user_challenge_progress p on p.challenge_id = c.id and p.user_id = p_user_id
  where c.is_active
  order by t.position, t.id, c.position, c.id;
end;
$$;
comment on function learn.challenge_status(uuid) is
  'Every active challenge as one user sees it; levels are '
  '[{"level": 1, "name": "…", "completed": true, "xp_reward": 20}, …].';
grant execute on function learn.challenge_status(uuid) to learn_app, learn_user, learn_readonly;
