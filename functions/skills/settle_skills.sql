-- Brings the levels of users' skills in line with their points, parallel arrays. A level that is
-- reached for the first time is a fact, and so is mastery, which stays. The caller has locked
-- the users.
create or replace function learn_internal.settle_skills(
  p_user_ids uuid[], p_skill_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_facts learn_internal.fact[];
begin
  with settled as (
    update learn.user_skills u
    set current_level = l.level, highest_level = greatest(o.highest_level, l.level),
      mastered_at = case when l.level = k.max_level then coalesce(o.mastered_at, t.at)
        else o.mastered_at end
    from unnest(p_user_ids, p_skill_ids, p_at) t(user_id, skill_id, at)
    join learn.user_skills o on o.user_id = t.user_id and o.skill_id = t.skill_id
    join learn.skills k on k.id = t.skill_id
    cross join lateral (
      select least(k.max_level, o.points_allocated / k.xp_per_level) as level
    ) l
    where u.user_id = o.user_id and u.skill_id = o.skill_id
      and (l.level <> o.current_level or l.level = k.max_level and o.mastered_at is null)
    returning u.user_id, u.skill_id, k.slug, k.name, k.category, t.at,
      o.highest_level as old_level, u.highest_level as new_level,
      o.mastered_at is null and u.mastered_at is not null as is_mastered
  )
  select array_agg(
    (f.user_id, f.type, f.subject_type, f.subject_id,
      jsonb_build_object('skill', f.slug, 'name', f.name, 'category', f.category,
        'level', f.level),
      null, f.at)::learn_internal.fact
    order by f.user_id, f.at, f.skill_id, f.level, f.type)
  into v_facts
  from (
    select s.user_id, s.skill_id, s.slug, s.name, s.category, s.at, l.level,
      'skill_level_reached' as type, 'skill_level' as subject_type,
      s.skill_id || ':' || l.level as subject_id
    from settled s
    cross join lateral generate_series(s.old_level + 1, s.new_level) l(level)
    union all
    select s.user_id, s.skill_id, s.slug, s.name, s.category, s.at, s.new_level,
      'skill_mastered', 'skill', s.skill_id::text
    from settled s
    where s.is_mastered
  ) f;
  if v_facts is not null then
    perform learn_internal.write_facts(v_facts);
  end if;
end;
$$;
comment on function learn_internal.settle_skills(uuid[], bigint[], timestamptz[]) is
  'Brings the levels of users'' skills in line with their points, and reports what was reached.';
