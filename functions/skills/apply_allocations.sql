-- After points were put into skills, parallel arrays: nobody may have put in more than their XP,
-- nor more than a skill takes, nor have begun a skill without its prerequisites. Levels follow.
-- Errors: LX001 more points than there are, or than fit; LX006 prerequisites at level 0.
create or replace function learn_internal.apply_allocations(
  p_user_ids uuid[], p_skill_ids bigint[], p_has_begun boolean[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_bad record;
begin
  -- Written, not only locked: who looks at the same user with an older snapshot (repeatable read,
  -- serializable) and could spend the same points again gets 40001.
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  update learn.user_stats s set total_xp = s.total_xp where s.user_id = any (p_user_ids);

  select u.user_id, k.slug, u.points_allocated, k.max_level::bigint * k.xp_per_level as most
  into v_bad
  from unnest(p_user_ids, p_skill_ids) with ordinality a(user_id, skill_id, position)
  join learn.user_skills u on u.user_id = a.user_id and u.skill_id = a.skill_id
  join learn.skills k on k.id = a.skill_id
  where u.points_allocated > k.max_level::bigint * k.xp_per_level
  order by a.position
  limit 1;
  if found then
    raise exception 'so many points do not fit'
      using errcode = 'LX001',
        detail = format('user_id = %s, skill %s: it takes %s points, this would make %s',
          v_bad.user_id, v_bad.slug, v_bad.most, v_bad.points_allocated),
        hint = 'Allocate fewer points: learn.skill_tree() says how many fit.';
  end if;

  select s.user_id, s.total_xp, w.points into v_bad
  from learn.user_stats s
  cross join lateral (
    select sum(u.points_allocated) as points
    from learn.user_skills u
    where u.user_id = s.user_id
  ) w
  where s.user_id = any (p_user_ids) and w.points > s.total_xp
  order by s.user_id
  limit 1;
  if found then
    raise exception 'the user has not so many skill points'
      using errcode = 'LX001',
        detail = format('user_id = %s: %s points in all would be allocated, of %s XP',
          v_bad.user_id, v_bad.points, v_bad.total_xp),
        hint = 'Each XP is one point: learn.skill_tree() says how many are available.';
  end if;

  perform learn_internal.settle_skills(p_user_ids, p_skill_ids, p_at);

  select a.user_id, k.slug, m.missing into v_bad
  from unnest(p_user_ids, p_skill_ids, p_has_begun) with ordinality
    a(user_id, skill_id, has_begun, position)
  join learn.skills k on k.id = a.skill_id
  cross join lateral (
    select string_agg(r.slug, ', ' order by r.slug) as missing
    from learn.skill_prerequisites e
    join learn.skills r on r.id = e.prerequisite_skill_id
    left join learn.user_skills u on u.user_id = a.user_id and u.skill_id = r.id
    where e.skill_id = a.skill_id and coalesce(u.current_level, 0) < 1
  ) m
  where a.has_begun and m.missing is not null
  order by a.position
  limit 1;
  if found then
    raise exception 'prerequisites of the skill are not met'
      using errcode = 'LX006',
        detail = format('user_id = %s, skill %s, missing: %s',
          v_bad.user_id, v_bad.slug, v_bad.missing),
        hint = 'Reach level 1 of these skills first.';
  end if;
end;
$$;
comment on function learn_internal.apply_allocations(uuid[], bigint[], boolean[], timestamptz[]) is
  'Checks points that were put into skills (LX001, LX006), and lets levels follow.';
