-- Lets imported progress count, parallel arrays of rows of imported_challenge_progress with the XP
-- to pay for each: levels and challenges are completed, the tracks, paths and difficulties that
-- this fills too, and what comes next is unlocked. All of it counts for metrics and achievements;
-- XP is paid for the rows alone, with the source `import`, so that totals are those of the older
-- system. (Achievements that this earns pay their own.)
-- What an import has paid is paid once, whatever became of its row.
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
  i           record;              -- what is imported
  v_progress  learn.user_challenge_progress;
  v_user_id   uuid;
  v_xp        bigint;
  v_level     integer;
  v_missing   integer;
  v_is_full   boolean;
  v_facts     learn_internal.fact[] := '{}'::learn_internal.fact[];
  v_completed learn_internal.fact[] := '{}'::learn_internal.fact[];
  v_track_ids bigint[] := '{}'::bigint[];
  v_quiet     text := coalesce(current_setting('learn.quiet', true), '');
begin
  perform set_config('learn.quiet', 'on', true);  -- nobody is notified
  for i in
    select a.user_id, a.challenge_id, a.xp, m.total_xp, m.imported_at as at, c.slug, c.category,
      c.difficulty, c.track_id, (select t.slug from learn.tracks t where t.id = c.track_id) as track,
      array(select distinct l from unnest(m.completed_levels) l order by l) as levels
    from unnest(p_user_ids, p_challenge_ids, p_xp) a(user_id, challenge_id, xp)
    join learn.imported_challenge_progress m
      on m.user_id = a.user_id and m.challenge_id = a.challenge_id
    join learn.challenges c on c.id = a.challenge_id
    order by a.user_id, a.challenge_id
  loop
    if i.user_id is distinct from v_user_id then
      perform from learn.user_stats s where s.user_id = i.user_id for no key update;
      v_user_id := i.user_id;
    end if;
    select * into v_progress
    from learn.user_challenge_progress p
    where p.user_id = i.user_id and p.challenge_id = i.challenge_id;

    v_missing := learn_internal.missing_level(i.challenge_id, i.levels || v_progress.levels_completed);
    if v_missing is not null then
      raise exception 'levels are passed in order'
        using errcode = 'LX001',
          detail = format('user_id = %s, challenge_id = %s: levels %s, without level %s',
            i.user_id, i.challenge_id, i.levels, v_missing),
          hint = 'Import the levels before it as well.';
    end if;

    -- What is new: XP, and levels that were not passed here before
    v_xp := i.xp;
    if exists (
      select from learn_internal.recorded_subjects r
      where r.user_id = i.user_id and r.activity_type = 'xp_awarded' and r.subject_type = 'import'
        and r.subject_id = i.challenge_id::text)
    then
      select i.total_xp - coalesce(sum(f.xp), 0) into v_xp
      from learn_internal.all_facts f
      where f.user_id = i.user_id and f.activity_type = 'xp_awarded' and f.subject_type = 'challenge'
        and f.subject_id = i.challenge_id::text and f.properties ->> 'source_type' = 'import';
    end if;
    if v_xp > 0 then
      v_facts := v_facts || (
        i.user_id, 'xp_awarded', 'challenge', i.challenge_id::text,
        jsonb_build_object('source_type', 'import', 'source_id', i.slug,
          'description', 'Progress of an older system'),
        v_xp, i.at)::learn_internal.fact;
    end if;
    foreach v_level in array i.levels loop
      continue when v_level = any (v_progress.levels_completed);
      v_facts := v_facts || (
        i.user_id, 'challenge_level_passed', 'challenge_level', i.challenge_id || ':' || v_level,
        jsonb_build_object('challenge', i.slug, 'category', i.category, 'difficulty', i.difficulty,
          'level', v_level, 'is_imported', true),
        0, i.at)::learn_internal.fact;
    end loop;

    -- A challenge is completed when every level that it has is passed; one without any, when all five are.
    v_is_full := cardinality(i.levels) > 0 and not exists (
      select from learn.challenge_levels l
      where l.challenge_id = i.challenge_id and l.level_number <> all (i.levels || v_progress.levels_completed));
    if cardinality(i.levels) < 5 then
      v_is_full := v_is_full and exists (
        select from learn.challenge_levels l where l.challenge_id = i.challenge_id);
    end if;
    insert into learn.user_challenge_progress as p
      (user_id, challenge_id, current_level, levels_completed, unlocked_at, started_at, completed_at)
    values (i.user_id, i.challenge_id, coalesce(i.levels[cardinality(i.levels)], 0), i.levels, i.at,
      case when cardinality(i.levels) > 0 then i.at end, case when v_is_full then i.at end)
    on conflict (user_id, challenge_id) do update
      set current_level = greatest(p.current_level, excluded.current_level),
        levels_completed = array(
          select distinct l from unnest(p.levels_completed || excluded.levels_completed) l order by l),
        unlocked_at = coalesce(p.unlocked_at, excluded.unlocked_at),
        started_at = least(p.started_at, excluded.started_at),
        completed_at = coalesce(p.completed_at, excluded.completed_at);
    if v_is_full and v_progress.completed_at is null then
      v_completed := v_completed || (
        i.user_id, 'challenge_completed', 'challenge', i.challenge_id::text,
        jsonb_build_object('slug', i.slug, 'category', i.category, 'difficulty', i.difficulty,
          'track', i.track, 'is_imported', true),
        0, i.at)::learn_internal.fact;
      v_track_ids := v_track_ids || i.track_id;
    end if;
  end loop;
  perform learn_internal.write_facts(v_facts || v_completed, p_is_past => true);
  if cardinality(v_completed) = 0 then
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
    perform learn_internal.write_facts(v_facts || array(
      select f::learn_internal.fact
      from (
        select p.* from learn_internal.refresh_paths(p_user_ids, (
          select array_agg(distinct pt.path_id) from learn.learning_path_tracks pt
          where pt.track_id = any (v_track_ids))) p
        union all
        select d.* from learn_internal.refresh_difficulties(p_user_ids, (
          select array_agg(distinct t.difficulty) from learn.tracks t
          where t.id = any (v_track_ids))) d
      ) f), p_is_past => true);
  end if;
  perform learn_internal.unlock_challenges(p_user_ids, learn.clock());
  perform set_config('learn.quiet', v_quiet, true);
end;
$$;
comment on function learn_internal.apply_imports(uuid[], bigint[], integer[]) is
  'Lets imported progress count: levels, challenges, tracks, and the XP of the rows.';
