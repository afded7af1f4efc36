-- Lets imported progress count, parallel arrays of rows of imported_challenge_progress with the XP
-- to pay for each: levels and challenges are completed, the tracks, paths and difficulties that
-- this fills too, and what comes next is unlocked. All of it counts for metrics and achievements;
-- XP is paid for the rows alone, with the source `import`, so that totals are those of the older
-- system. (Achievements that this earns pay their own.)
-- Errors: LX001 a level without those before it.
create or replace function learn_internal.apply_imports(
  p_user_ids uuid[], p_challenge_ids bigint[], p_xp integer[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_facts     learn_internal.fact[];
  v_completed learn_internal.fact[];
  v_track_ids bigint[];
  v_quiet     text := coalesce(current_setting('learn.quiet', true), '');
  v_gap       record;
begin
  perform set_config('learn.quiet', 'on', true);  -- nobody is notified
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;

  select i.user_id, i.challenge_id, i.completed_levels, m.level into v_gap
  from unnest(p_user_ids, p_challenge_ids) a(user_id, challenge_id)
  join learn.imported_challenge_progress i
    on i.user_id = a.user_id and i.challenge_id = a.challenge_id
  left join learn.user_challenge_progress p
    on p.user_id = i.user_id and p.challenge_id = i.challenge_id
  cross join lateral (
    select learn_internal.missing_level(i.challenge_id, i.completed_levels || p.levels_completed) as level
  ) m
  where m.level is not null
  limit 1;
  if found then
    raise exception 'levels are passed in order'
      using errcode = 'LX001',
        detail = format('user_id = %s, challenge_id = %s: levels %s, without level %s',
          v_gap.user_id, v_gap.challenge_id, v_gap.completed_levels, v_gap.level),
        hint = 'Import the levels before it as well.';
  end if;

  -- What is new: XP, and levels that were not passed here before.
  select array_agg(
    (f.user_id, f.type, f.subject_type, f.subject_id, f.properties, f.xp, f.at)::learn_internal.fact
    order by f.user_id, f.challenge_id, f.level)
  into v_facts
  from (
    select i.user_id, c.id as challenge_id, 0 as level, 'xp_awarded' as type,
      'challenge' as subject_type, c.id::text as subject_id,
      jsonb_build_object('source_type', 'import', 'source_id', c.slug,
        'description', 'Progress of an older system') as properties,
      a.xp, i.imported_at as at
    from unnest(p_user_ids, p_challenge_ids, p_xp) a(user_id, challenge_id, xp)
    join learn.imported_challenge_progress i
      on i.user_id = a.user_id and i.challenge_id = a.challenge_id
    join learn.challenges c on c.id = a.challenge_id
    where a.xp > 0
    union all
    select i.user_id, c.id, l.level, 'challenge_level_passed', 'challenge_level',
      c.id || ':' || l.level,
      jsonb_build_object('challenge', c.slug, 'category', c.category, 'difficulty', c.difficulty,
        'level', l.level, 'is_imported', true),
      0, i.imported_at
    from unnest(p_user_ids, p_challenge_ids) a(user_id, challenge_id)
    join learn.imported_challenge_progress i
      on i.user_id = a.user_id and i.challenge_id = a.challenge_id
    join learn.challenges c on c.id = a.challenge_id
    cross join lateral (select distinct x from unnest(i.completed_levels) x) l(level)
    left join learn.user_challenge_progress p
      on p.user_id = i.user_id and p.challenge_id = i.challenge_id
    where l.level <> all (coalesce(p.levels_completed, '{}'))
  ) f;

  insert into learn.user_challenge_progress as p
    (user_id, challenge_id, current_level, levels_completed, unlocked_at, started_at)
  select i.user_id, i.challenge_id, coalesce(l.highest, 0), l.levels, i.imported_at,
    case when l.highest is not null then i.imported_at end
  from unnest(p_user_ids, p_challenge_ids) a(user_id, challenge_id)
  join learn.imported_challenge_progress i
    on i.user_id = a.user_id and i.challenge_id = a.challenge_id
  cross join lateral (
    select coalesce(array_agg(distinct x order by x), '{}') as levels, max(x) as highest
    from unnest(i.completed_levels) x
  ) l
  order by i.user_id, i.challenge_id
  on conflict (user_id, challenge_id) do update
    set current_level = greatest(p.current_level, excluded.current_level),
      levels_completed = (
        select coalesce(array_agg(distinct l order by l), '{}')
        from unnest(p.levels_completed || excluded.levels_completed) l),
      unlocked_at = coalesce(p.unlocked_at, excluded.unlocked_at),
      started_at = least(p.started_at, excluded.started_at);

  -- A challenge is completed when every level that it has is passed; one without any, when all
  -- five are.
  with completed as (
    update learn.user_challenge_progress p
    set completed_at = i.imported_at
    from unnest(p_user_ids, p_challenge_ids) a(user_id, challenge_id)
    join learn.imported_challenge_progress i
      on i.user_id = a.user_id and i.challenge_id = a.challenge_id
    where p.user_id = a.user_id and p.challenge_id = a.challenge_id and p.completed_at is null
      and p.levels_completed <> '{}'
      and not exists (
        select from learn.challenge_levels l
        where l.challenge_id = p.challenge_id and l.level_number <> all (p.levels_completed))
      and (p.levels_completed @> '{1,2,3,4,5}' or exists (
        select from learn.challenge_levels l where l.challenge_id = p.challenge_id))
    returning p.user_id, p.challenge_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'challenge_completed', 'challenge', c.challenge_id::text,
      jsonb_build_object('slug', k.slug, 'category', k.category, 'difficulty', k.difficulty,
        'track', t.slug, 'is_imported', true),
      0, c.completed_at)::learn_internal.fact
    order by c.user_id, c.challenge_id),
    array_agg(distinct k.track_id) filter (where k.track_id is not null)
  into v_completed, v_track_ids
  from completed c
  join learn.challenges k on k.id = c.challenge_id
  left join learn.tracks t on t.id = k.track_id;
  perform learn_internal.write_past_facts(v_facts || v_completed);
  if v_completed is null then
    perform set_config('learn.quiet', v_quiet, true);
    return;
  end if;

  -- Tracks that are full by now are completed here, unpaid; the others are recounted as ever.
  with completed as (
    insert into learn.user_track_progress as p
      (user_id, track_id, items_completed, total_items, completed_at)
    select r.user_id, r.track_id, r.items_completed, z.total_items, r.last_completed_at
    from learn_internal.track_recounts r
    join learn_internal.track_sizes z on z.track_id = r.track_id
    join learn.tracks t on t.id = r.track_id and t.is_published
    left join learn.user_track_progress e on e.user_id = r.user_id and e.track_id = r.track_id
    where r.user_id = any (p_user_ids) and r.track_id = any (v_track_ids)
      and r.items_completed = z.total_items and e.completed_at is null
    order by r.user_id, r.track_id
    on conflict (user_id, track_id) do update
      set items_completed = excluded.items_completed, total_items = excluded.total_items,
        completed_at = excluded.completed_at
    returning p.user_id, p.track_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'track_completed', 'track', c.track_id::text,
      jsonb_build_object('difficulty', t.difficulty, 'slug', t.slug, 'is_imported', true),
      0, c.completed_at)::learn_internal.fact
    order by c.user_id, c.track_id)
  into v_facts
  from completed c
  join learn.tracks t on t.id = c.track_id;
  perform learn_internal.recount_tracks(p_user_ids, v_track_ids);
  if v_facts is not null then
    perform learn_internal.write_past_facts(v_facts || array(
      select f::learn_internal.fact
      from (
        select p.* from learn_internal.refresh_paths(p_user_ids, (
          select array_agg(distinct pt.path_id) from learn.learning_path_tracks pt
          where pt.track_id = any (v_track_ids))) p
        union all
        select d.* from learn_internal.refresh_difficulties(p_user_ids, (
          select array_agg(distinct t.difficulty) from learn.tracks t
          where t.id = any (v_track_ids))) d
      ) f));
  end if;
  perform learn_internal.unlock_challenges(p_user_ids, learn.clock());
  perform set_config('learn.quiet', v_quiet, true);
end;
$$;
comment on function learn_internal.apply_imports(uuid[], bigint[], integer[]) is
  'Lets imported progress count: levels, challenges, tracks, and the XP of the rows.';
revoke all on function learn_internal.apply_imports(uuid[], bigint[], integer[]) from public;
