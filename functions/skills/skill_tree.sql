-- Every skill as one user sees it.
-- Errors: LX002 unknown user.
create or replace function learn.skill_tree(p_user_id uuid)
returns table (
  skill_id bigint, slug text, name text, description text, category text, parent text,
  max_level integer, xp_per_level integer, current_level integer, points_allocated integer,
  available_points bigint, points_that_fit integer, is_unlocked boolean, is_unlockable boolean,
  missing_prerequisites text[], unlocked_at timestamptz, mastered_at timestamptz
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
  select k.id, k.slug, k.name, k.description, k.category, p.slug, k.max_level, k.xp_per_level,
    coalesce(u.current_level, 0), coalesce(u.points_allocated, 0), a.points,
    greatest(0, k.max_level * k.xp_per_level - coalesce(u.points_allocated, 0)),
    u.skill_id is not null, u.skill_id is null and m.missing = '{}', m.missing,
    u.unlocked_at, u.mastered_at
  from learn.skills k
  left join learn.skills p on p.id = k.parent_skill_id
  left join learn.user_skills u on u.user_id = p_user_id and u.skill_id = k.id
  cross join (
    select greatest(0, s.total_xp - coalesce((
      select sum(w.points_allocated) from learn.user_skills w where w.user_id = p_user_id), 0)
    ) as points
    from learn.user_stats s
    where s.user_id = p_user_id
  ) a
  cross join lateral (
    select coalesce(array_agg(r.slug order by r.slug), '{}') as missing
    from learn.skill_prerequisites e
    join learn.skills r on r.id = e.prerequisite_skill_id
    left join learn.user_skills w on w.user_id = p_user_id and w.skill_id = r.id
    where e.skill_id = k.id and coalesce(w.current_level, 0) < 1
  ) m
  order by k.category, k.id;
end;
$$;
comment on function learn.skill_tree(uuid) is
  'Every skill as one user sees it: level, points, how many are available and fit, and which '
  'prerequisites are missing. is_unlockable: not begun, and nothing is missing.';
grant execute on function learn.skill_tree(uuid) to learn_app, learn_user, learn_readonly;
