-- Challenges

set role learn_owner;

-- functions/challenges/unlock_challenges.sql

-- Unlocks for users the challenges that they have earned. One that asked for something is a fact.
-- The caller has locked the users.
create or replace function learn_internal.unlock_challenges(p_user_ids uuid[], p_at timestamptz)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_facts learn_internal.fact[];
begin
  with unlocked as (
    insert into learn.user_challenge_progress as p (user_id, challenge_id, unlocked_at)
    select d.user_id, d.challenge_id, p_at
    from learn_internal.due_challenge_unlocks d
    where d.user_id = any (p_user_ids)
    order by d.user_id, d.track_id, d.position, d.challenge_id
    on conflict (user_id, challenge_id) do update set unlocked_at = excluded.unlocked_at
    returning p.user_id, p.challenge_id, p.id
  )
  select array_agg(
    (u.user_id, 'challenge_unlocked', 'challenge', u.challenge_id::text,
      jsonb_build_object('slug', c.slug, 'category', c.category, 'difficulty', c.difficulty),
      null, p_at)::learn_internal.fact
    order by u.user_id, u.id)
  into v_facts
  from unlocked u
  join learn.challenges c on c.id = u.challenge_id
  where exists (
      select from learn.challenge_prerequisites e where e.challenge_id = c.id)
    or exists (
      select from learn.track_prerequisites e where e.track_id = c.track_id);
  perform learn_internal.write_facts(v_facts);
end;
$$;
comment on function learn_internal.unlock_challenges(uuid[], timestamptz) is
  'Unlocks for users the challenges that they have earned.';

-- functions/challenges/check_and_unlock_challenges.sql

-- Unlocks every challenge that a user has earned, and says which ones. Completing a challenge
-- or a track does this by itself; the first ones of all are unlocked here, or by an attempt.
-- Errors: LX002; LX004 user inactive.
create or replace function learn.check_and_unlock_challenges(p_user_id uuid)
returns setof bigint
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'check_and_unlock_challenges', p_user_id, '{}', null, null);
begin
  perform learn_internal.unlock_challenges(array[p_user_id], v_call.occurred_at);
  return query
  select p.challenge_id
  from learn.user_challenge_progress p
  where p.user_id = p_user_id and p.id > v_call.last_challenge
    and p.id <= pg_sequence_last_value('learn.user_challenge_progress_id_seq')
  order by p.id;
end;
$$;
comment on function learn.check_and_unlock_challenges(uuid) is
  'Unlocks every challenge that a user has earned; returns the ids of the newly unlocked ones.';
grant execute on function learn.check_and_unlock_challenges(uuid) to learn_app, learn_user;

-- functions/challenges/apply_imports.sql

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

-- functions/challenges/challenge_status.sql

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

-- functions/challenges/complete_challenges.sql

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

-- functions/challenges/import_old_progress.sql

-- Imports the rows of learn.old_progress_table and counts them: imported (new, or grown since),
-- unchanged, and rejected. A rejected row stays, with its reason; corrected, it is imported by the
-- next run. Running again pays nothing twice; of a row that has grown the difference is paid.
-- Imports make no day active and notify nobody.
-- no grant: for operators, as learn_owner.
create or replace function learn.import_old_progress()
returns table (imported bigint, unchanged bigint, rejected bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_now timestamptz := learn.clock();
begin
  perform learn_internal.hold_content();
  -- One import at a time, and no row changes under it.
  lock table learn.old_progress_table in share row exclusive mode;
  perform from learn.user_stats s
  where s.user_id in (select r.user_id from learn.old_progress_table r)
  order by s.user_id
  for no key update;

  update learn.old_progress_table r
  set rejection = c.rejection, imported_at = case when c.rejection is null then r.imported_at end
  from learn_internal.old_progress_rows c
  where c.id = r.id and r.rejection is distinct from c.rejection;

  insert into learn.imported_challenge_progress as i
    (user_id, challenge_id, completed_levels, total_xp, imported_at)
  select c.user_id, c.challenge_id, c.levels, c.total_xp, v_now
  from learn_internal.old_progress_rows c
  where c.rejection is null
  order by c.user_id, c.challenge_id
  on conflict (user_id, challenge_id) do update
    set completed_levels = excluded.completed_levels, total_xp = excluded.total_xp,
      imported_at = excluded.imported_at
    where (i.completed_levels, i.total_xp) <> (excluded.completed_levels, excluded.total_xp);
  get diagnostics imported = row_count;

  update learn.old_progress_table r
  set imported_at = i.imported_at
  from learn_internal.old_progress_rows c
  join learn.imported_challenge_progress i
    on i.user_id = c.user_id and i.challenge_id = c.challenge_id
  where c.id = r.id and r.rejection is null and r.imported_at is distinct from i.imported_at;

  select count(*) filter (where r.rejection is null) - imported,
    count(*) filter (where r.rejection is not null)
  into unchanged, rejected
  from learn.old_progress_table r;
  return next;
end;
$$;
comment on function learn.import_old_progress() is
  'Imports the rows of old_progress_table; returns how many were imported, unchanged since, and '
  'rejected. The reasons are in the rows.';

-- functions/challenges/recommend_challenges.sql

-- The challenges that a user should try next: not completed, unlocked or with nothing missing, and not
-- above the user's skill level; easier ones first, then in the order of the tracks. Where all of these are done:
-- those that a track under way still needs, and then the other harder ones. So there is one until all is done.
-- Errors: LX001 limit out of range; LX002 unknown user.
create or replace function learn.recommend_challenges(p_user_id uuid, p_limit integer default 5)
returns table (
  id bigint, slug text, title text, difficulty text, xp_base integer, estimated_minutes integer
)
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
#variable_conflict use_column
declare
  v_skill_level text;
begin
  perform learn_internal.require_self(p_user_id);
  select u.skill_level into v_skill_level from learn.users u where u.id = p_user_id;
  if not found then
    perform learn_internal.require_user(p_user_id, false);
  end if;
  if p_limit is null or p_limit not between 0 and 1000 then
    raise exception 'the limit is out of range'
      using errcode = 'LX001', detail = format('p_limit = %s', coalesce(p_limit::text, 'null')),
        hint = 'Ask for 0 to 1000 challenges.';
  end if;
  return query
  select c.id, c.slug, c.title, c.difficulty, c.xp_base, c.estimated_minutes
  from (
    select r.*, bool_or(r.is_within) over () as has_within
    from (
      select o.*, v_skill_level = 'advanced' or o.difficulty_rank <= m.rank as is_within, exists (
        select from learn.user_track_progress p
        where p.user_id = o.user_id and p.track_id = o.track_id and p.completed_at is null) as is_under_way
      from learn_internal.open_challenges o
      left join learn.difficulties m on m.key = v_skill_level
      where o.user_id = p_user_id
    ) r
  ) q
  join learn.challenges c on c.id = q.challenge_id
  where q.is_within = q.has_within
  order by q.is_under_way and not q.has_within desc,
    q.difficulty_rank, q.track_position, q.track_id, q.position, q.challenge_id
  limit p_limit;
end;
$$;
comment on function learn.recommend_challenges(uuid, integer) is
  'Hook: challenges that a user should try next, at most p_limit: not above the user''s skill level, or, when all of '
  'these are done, the harder ones.';
grant execute on function learn.recommend_challenges(uuid, integer) to learn_app, learn_user, learn_readonly;

-- views/challenges/full_challenges.sql

-- Challenges of which users have passed every level there is.
create or replace view learn_internal.full_challenges as
select p.user_id, p.challenge_id, greatest((
    select max(a.created_at) from learn.level_attempts a
    where a.user_id = p.user_id and a.challenge_id = p.challenge_id and a.passed
  ), (
    select i.imported_at from learn.imported_challenge_progress i
    where i.user_id = p.user_id and i.challenge_id = p.challenge_id
  )) as last_passed_at
from learn.user_challenge_progress p
where p.levels_completed <> '{}' and exists (
    select from learn.challenge_levels l where l.challenge_id = p.challenge_id)
  and not exists (
    select from learn.challenge_levels l
    where l.challenge_id = p.challenge_id and l.level_number <> all (p.levels_completed));
comment on view learn_internal.full_challenges is
  'Challenges of which users have passed every level.';

-- functions/challenges/refresh_challenges.sql

-- After a change of levels: completes challenges for everybody who has passed all that is left of
-- them, and recounts their tracks, which may have one item more or less.
create or replace function learn_internal.refresh_challenges(p_challenge_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids      uuid[];
  v_challenge_ids bigint[];
  v_at            timestamptz[];
begin
  perform from learn.user_stats s
  where s.user_id in (
    select p.user_id from learn.user_challenge_progress p
    where p.challenge_id = any (p_challenge_ids) and p.completed_at is null
      and p.levels_completed <> '{}')
  order by s.user_id
  for no key update;

  select array_agg(f.user_id), array_agg(f.challenge_id), array_agg(f.last_passed_at)
  into v_user_ids, v_challenge_ids, v_at
  from learn_internal.full_challenges f
  join learn.user_challenge_progress p on p.user_id = f.user_id and p.challenge_id = f.challenge_id
  where f.challenge_id = any (p_challenge_ids) and p.completed_at is null;
  if v_user_ids is not null then
    perform learn_internal.complete_challenges(v_user_ids, v_challenge_ids, v_at);
  end if;

  perform learn_internal.refresh_tracks(array_agg(distinct c.track_id))
  from learn.challenges c
  where c.id = any (p_challenge_ids) and c.track_id is not null
  having count(*) > 0;
end;
$$;
comment on function learn_internal.refresh_challenges(bigint[]) is
  'Completes challenges for everybody who has passed all that is left of them, and recounts their '
  'tracks, after a change of levels.';

-- functions/challenges/missing_level.sql

-- The first level of a challenge that is missing before one of these, which users have passed; null: none is.
-- Levels are passed in order. Of a challenge that has no levels here, all five count.
create or replace function learn_internal.missing_level(p_challenge_id bigint, p_levels integer[])
returns integer
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select min(n)
    from generate_series(1, (select max(x) - 1 from unnest(p_levels) x)) n
    where n <> all (p_levels)
      and (not exists (select from learn.challenge_levels l where l.challenge_id = p_challenge_id)
        or exists (
          select from learn.challenge_levels l
          where l.challenge_id = p_challenge_id and l.level_number = n)));
end;
$$;
comment on function learn_internal.missing_level(bigint, integer[]) is
  'The first level of a challenge that is missing before one of these; null: none is.';

-- functions/challenges/require_challenge_level.sql

-- Refuses a level of a challenge that does not exist, or whose challenge is not active.
-- Errors: LX003, LX004.
create or replace function learn_internal.require_challenge_level(
  p_challenge_id bigint, p_level_number integer
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_active boolean;
begin
  select c.is_active into v_is_active
  from learn.challenges c
  join learn.challenge_levels l on l.challenge_id = c.id and l.level_number = p_level_number
  where c.id = p_challenge_id;
  if not found then
    raise exception 'unknown level of a challenge'
      using errcode = 'LX003',
        detail = format('p_challenge_id = %s, p_level_number = %s',
          coalesce(p_challenge_id::text, 'null'), coalesce(p_level_number::text, 'null')),
        hint = 'Look it up in learn.challenge_levels.';
  end if;
  if not v_is_active then
    raise exception 'the challenge is not active'
      using errcode = 'LX004', detail = format('p_challenge_id = %s', p_challenge_id),
        hint = 'Activate it: learn.challenges.is_active.';
  end if;
end;
$$;
comment on function learn_internal.require_challenge_level(bigint, integer) is
  'Refuses an unknown level of a challenge (LX003), or one of an inactive challenge (LX004).';

-- functions/challenges/schedule_daily_challenges.sql

-- Picks a challenge for each coming day (UTC, from today) that has none, and returns what it picked.
-- None comes twice within 30 days; days for which there is none left stay without. Among those that
-- may come, the one that was longest ago or never is picked, in an order that looks random.
-- The loop runs once per day because every pick rules out others. Call it from a scheduler.
-- Errors: LX001 days out of range.
create or replace function learn.schedule_daily_challenges(p_days integer default 7)
returns table (date date, challenge_id bigint)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
#variable_conflict use_column
declare
  v_today date := (learn.clock() at time zone 'UTC')::date;
  v_picked bigint;
begin
  if p_days is null or p_days not between 1 and 366 then
    raise exception 'the number of days is out of range'
      using errcode = 'LX001', detail = format('p_days = %s', coalesce(p_days::text, 'null')),
        hint = 'Schedule 1 to 366 days.';
  end if;
  -- One scheduler at a time, so that the picks of both are seen.
  lock table learn.daily_challenges in share row exclusive mode;
  for v_day in 0 .. p_days - 1 loop
    continue when exists (
      select from learn.daily_challenges d where d.date = v_today + v_day);
    select c.id into v_picked
    from learn.challenges c
    left join lateral (
      select max(d.date) as last_on from learn.daily_challenges d where d.challenge_id = c.id
    ) e on true
    where c.is_active and exists (
        select from learn.challenge_levels l where l.challenge_id = c.id)
      and not exists (
        select from learn.daily_challenges d
        where d.challenge_id = c.id and abs(d.date - (v_today + v_day)) < 30)
    order by e.last_on nulls first, md5(c.slug || to_char(v_today + v_day, 'YYYY-MM-DD'))
    limit 1;
    continue when not found;
    insert into learn.daily_challenges (challenge_id, date) values (v_picked, v_today + v_day)
    on conflict do nothing;
    date := v_today + v_day;
    challenge_id := v_picked;
    return next;
  end loop;
end;
$$;
comment on function learn.schedule_daily_challenges(integer) is
  'Picks a challenge for each of the coming days (UTC, today first) that has none; '
  'none comes twice within 30 days.';
grant execute on function learn.schedule_daily_challenges(integer) to learn_app;

-- functions/challenges/submit_daily_challenge.sql

-- Submits a user's one scored attempt at the challenge of the day (UTC), locked or not, judged by
-- the backend. Passed, it pays the challenge's xp_base times the day's multiplier. An attempt that comes in
-- late is at the challenge of its own day; still there is one on a day, by learn.clock().
-- Errors: LX001 score out of range, no verdict; LX002; LX003 no challenge is scheduled for the day;
-- LX004 user inactive; LX008 it was submitted before, or another one came in on this day; LX013.
create or replace function learn.submit_daily_challenge(
  p_user_id         uuid,
  p_score           double precision,
  p_passed          boolean,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call     learn_internal.call := learn_internal.begin_call(
    'submit_daily_challenge', p_user_id,
    jsonb_build_object('score', trim_scale(p_score::numeric), 'passed', p_passed),
    p_occurred_at, p_idempotency_key);
  v_today    date := (v_call.occurred_at at time zone 'UTC')::date;
  v_midnight timestamptz := date_trunc('day', learn.clock(), 'UTC');
  v_daily_id bigint;
  v_earlier  date;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if p_score is null or p_score not between 0 and 100 or p_passed is null then
    raise exception 'the attempt makes no sense'
      using errcode = 'LX001',
        detail = format('p_score = %s, p_passed = %s', p_score, p_passed),
        hint = 'A score is a percentage from 0 to 100, with a verdict.';
  end if;
  select d.id into v_daily_id from learn.daily_challenges d where d.date = v_today;
  if not found then
    raise exception 'there is no challenge of the day'
      using errcode = 'LX003', detail = format('date = %s (UTC)', v_today),
        hint = 'Schedule them ahead: learn.schedule_daily_challenges().';
  end if;

  select d.date into v_earlier
  from learn.daily_challenge_attempts a
  join learn.daily_challenges d on d.id = a.daily_challenge_id
  where a.user_id = p_user_id and a.recorded_at >= v_midnight;
  if found then
    raise exception 'the user has had the attempt of the day'
      using errcode = 'LX008',
        detail = format('p_user_id = %s: one came in at the challenge of %s', p_user_id, v_earlier),
        hint = format('The next one is possible on %s (UTC).',
          ((v_midnight + interval '1 day') at time zone 'UTC')::date);
  end if;

  insert into learn.daily_challenge_attempts
    (user_id, daily_challenge_id, score, passed, completed_at)
  values (p_user_id, v_daily_id, p_score, p_passed, v_call.occurred_at)
  on conflict do nothing;
  if not found then
    raise exception 'the challenge of the day was submitted before'
      using errcode = 'LX008', detail = format('p_user_id = %s, date = %s', p_user_id, v_today),
        hint = format('The next one is on %s (UTC).', v_today + 1);
  end if;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_daily_challenge(uuid, double precision, boolean, timestamptz, text) is
  'Submits a user''s one attempt at the challenge of the day (UTC): score in percent; '
  'passed, it pays.';
grant execute on function learn.submit_daily_challenge(uuid, double precision, boolean, timestamptz, text)
  to learn_app;

-- functions/challenges/submit_level_attempt.sql

-- Submits an attempt at a level of a challenge, run and judged by the backend: score in percent.
-- The first pass of a level pays its XP less the penalties of hints used; passing the last
-- level completes the challenge.
-- Errors: LX001 score out of range, no verdict, negative time, a snapshot or results of another
-- shape; LX002; LX003 unknown level; LX004 challenge or user inactive; LX005 the challenge
-- or a level before is not done; LX013.
create or replace function learn.submit_level_attempt(
  p_user_id            uuid,
  p_challenge_id       bigint,
  p_level_number       integer,
  p_score              double precision,
  p_passed             boolean,
  p_design_snapshot    jsonb default '{}',
  p_test_results       jsonb default '[]',
  p_time_spent_seconds integer default null,
  p_occurred_at        timestamptz default null,
  p_idempotency_key    text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'submit_level_attempt', p_user_id,
    jsonb_build_object('challenge_id', p_challenge_id, 'level_number', p_level_number,
      'score', trim_scale(p_score::numeric), 'passed', p_passed, 'design_snapshot', p_design_snapshot,
      'test_results', p_test_results, 'time_spent_seconds', p_time_spent_seconds),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size(
    'p_design_snapshot', pg_column_size(p_design_snapshot), 1048576, 'bytes');
  perform learn_internal.require_size(
    'p_test_results', pg_column_size(p_test_results), 1048576, 'bytes');
  perform learn_internal.require_challenge_level(p_challenge_id, p_level_number);
  if p_score is null or p_score not between 0 and 100 or p_passed is null
    or p_time_spent_seconds < 0
    or jsonb_typeof(p_design_snapshot) is distinct from 'object'
    or jsonb_typeof(p_test_results) not in ('array', 'object') or p_test_results is null
  then
    raise exception 'the attempt makes no sense'
      using errcode = 'LX001',
        detail = format('p_score = %s, p_passed = %s, p_time_spent_seconds = %s, '
          'p_design_snapshot is %s, p_test_results is %s', p_score, p_passed, p_time_spent_seconds,
          jsonb_typeof(p_design_snapshot), jsonb_typeof(p_test_results)),
        hint = 'A score is a percentage from 0 to 100 with a verdict; time is in seconds; '
          'a design is a JSON object, results are an array or an object.';
  end if;

  insert into learn.level_attempts
    (user_id, challenge_id, level_number, design_snapshot, test_results, score, passed,
     time_spent_seconds, created_at)
  values
    (p_user_id, p_challenge_id, p_level_number, p_design_snapshot, p_test_results, p_score, p_passed,
     p_time_spent_seconds, v_call.occurred_at);

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.submit_level_attempt(
  uuid, bigint, integer, double precision, boolean, jsonb, jsonb, integer, timestamptz, text) is
  'Submits a judged attempt at a level of a challenge: score in percent, time in seconds. '
  'The first pass pays.';
grant execute on function learn.submit_level_attempt(
  uuid, bigint, integer, double precision, boolean, jsonb, jsonb, integer, timestamptz, text) to learn_app;

-- functions/challenges/use_hint.sql

-- Notes that a user looks at a hint of a level, counted from 1. It lowers what passing the level
-- pays; looking again is free. The text is in learn.challenge_levels.hints.
-- Errors: LX001; LX002; LX003 unknown level or hint; LX004 challenge or user inactive;
-- LX005 the challenge is locked; LX013.
create or replace function learn.use_hint(
  p_user_id         uuid,
  p_challenge_id    bigint,
  p_level_number    integer,
  p_hint_number     integer,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'use_hint', p_user_id,
    jsonb_build_object('challenge_id', p_challenge_id, 'level_number', p_level_number,
      'hint_number', p_hint_number),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_challenge_level(p_challenge_id, p_level_number);

  insert into learn.hint_usage (user_id, challenge_id, level_number, hint_number, used_at)
  values (p_user_id, p_challenge_id, p_level_number, p_hint_number, v_call.occurred_at)
  on conflict do nothing;

  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.use_hint(uuid, bigint, integer, integer, timestamptz, text) is
  'Notes that a user looks at a hint, counted from 1, which lowers what passing the level pays; '
  'again, it is free.';
grant execute on function learn.use_hint(uuid, bigint, integer, integer, timestamptz, text)
  to learn_app, learn_user;

-- triggers/challenges/challenge_levels.sql

-- What happens when rows of learn.challenge_levels are written, in the order in which triggers fire.

-- When levels of challenges are added, moved or deleted, or pay differently: this blocks learners.
create or replace trigger challenge_levels_change
  before insert or update of challenge_id, level_number, xp_reward, hints or delete
  on learn.challenge_levels
  for each statement
  execute function learn_internal.change_content();

-- When levels of challenges are deleted: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace trigger challenge_levels_deleted
  after delete on learn.challenge_levels
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_challenges', 'challenge_id');

-- When levels of challenges are added: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace trigger challenge_levels_inserted
  after insert on learn.challenge_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_challenges', 'challenge_id');

-- When levels of challenges are moved: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace trigger challenge_levels_updated
  after update on learn.challenge_levels
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_challenges', 'challenge_id');

-- triggers/challenges/user_challenge_progress.sql

-- When progress in challenges is deleted, alone or with the challenge: the tracks are recounted.
create or replace trigger challenge_progress_deleted
  after delete on learn.user_challenge_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.recount_lost_items('challenges', 'challenge_id');

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_challenge_progress
  for each row
  when (learn_internal.is_off_time(
    greatest(new.unlocked_at, new.started_at, new.completed_at),
    least(new.unlocked_at, new.started_at, new.completed_at)))
  execute function learn_internal.refuse_times('unlocked_at', 'started_at', 'completed_at');

create or replace trigger refuse_new_times
  before update of unlocked_at, started_at, completed_at on learn.user_challenge_progress
  for each row
  when (new.unlocked_at is distinct from old.unlocked_at and learn_internal.is_off_time(new.unlocked_at, new.unlocked_at)
    or new.started_at is distinct from old.started_at and learn_internal.is_off_time(new.started_at, new.started_at)
    or new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('unlocked_at', 'started_at', 'completed_at');

-- triggers/challenges/daily_challenge_attempts.sql

-- What happens when challenges of the day are attempted, in this order: content is held; a score below the pass mark
-- does not pass; every attempt is a fact, a passed one pays, once for the day, and what it paid is noted with it.
-- Attempts stay as they were judged.
-- Errors: LX009 an attempt would be judged again.

create or replace trigger daily_challenge_attempts_hold
  before insert on learn.daily_challenge_attempts
  for each statement
  execute function learn_internal.hold_content_first();

-- Who passes has at least the lowest pass mark of the challenge's levels, times the day's modifier: levels without
-- a mark have none.
create or replace function learn_internal.judge_daily_attempts()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  new.passed := new.score >= coalesce((
    select least(100, d.difficulty_modifier * min(coalesce((l.passing_criteria ->> 'min_score')::numeric, 0)))
    from learn.daily_challenges d
    join learn.challenge_levels l on l.challenge_id = d.challenge_id
    where d.id = new.daily_challenge_id
    group by d.id), 0);
  return new;
end;
$$;
comment on function learn_internal.judge_daily_attempts() is
  'Row trigger: an attempt below the pass mark of its challenge does not pass.';

create or replace trigger judge_attempts
  before insert on learn.daily_challenge_attempts
  for each row when (new.passed)
  execute function learn_internal.judge_daily_attempts();

create or replace function learn_internal.daily_challenge_attempts_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  n         record;                -- an attempt
  v_user_id uuid;
  v_daily   record;                -- what it is at
  v_facts   learn_internal.fact[] := '{}'::learn_internal.fact[];
  v_now     timestamptz := learn.clock();
  v_last_id bigint := coalesce(pg_sequence_last_value('learn.xp_transactions_id_seq'), 0);
begin
  for n in
    select a.user_id, a.daily_challenge_id, a.score, a.passed, a.completed_at
    from new_rows a
    order by a.user_id, a.completed_at, a.daily_challenge_id
  loop
    if n.user_id is distinct from v_user_id then
      perform from learn.user_stats s where s.user_id = n.user_id for no key update;
      v_user_id := n.user_id;
    end if;
    select jsonb_build_object('challenge', c.slug, 'category', c.category, 'date', d.date,
        'score', n.score, 'passed', n.passed) as properties,
      round(c.xp_base * d.xp_multiplier)::integer as xp, d.date
    into v_daily
    from learn.daily_challenges d
    join learn.challenges c on c.id = d.challenge_id
    where d.id = n.daily_challenge_id;
    v_facts := v_facts || (
      n.user_id, 'challenge_attempted', 'daily_challenge', n.daily_challenge_id::text, v_daily.properties,
      null, n.completed_at)::learn_internal.fact;
    if n.passed then
      if not exists (
        select from learn_internal.recorded_subjects r
        where r.user_id = n.user_id and r.activity_type = 'daily_challenge_completed'
          and r.subject_type = 'date' and r.subject_id = v_daily.date::text)
      then
        v_facts := v_facts || (
          n.user_id, 'daily_challenge_completed', 'daily_challenge', n.daily_challenge_id::text,
          v_daily.properties, v_daily.xp, n.completed_at)::learn_internal.fact;
      end if;
    end if;
  end loop;
  if v_user_id is null then
    return null;
  end if;
  perform learn_internal.write_facts(v_facts);

  for n in select a.user_id, a.daily_challenge_id from new_rows a loop
    update learn.daily_challenge_attempts a
    set xp_earned = coalesce((
      select sum(t.amount) from learn.xp_transactions t
      where t.user_id = n.user_id and t.created_at >= v_now and t.id > v_last_id and t.amount > 0
        and t.source_type = 'daily_challenge_completed' and t.source_id = n.daily_challenge_id::text), 0)
    where a.user_id = n.user_id and a.daily_challenge_id = n.daily_challenge_id;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.daily_challenge_attempts_inserted() is
  'Statement trigger: attempts at daily challenges become facts; passed ones pay.';

create or replace trigger daily_challenge_attempts_inserted
  after insert on learn.daily_challenge_attempts
  referencing new table as new_rows
  for each statement
  execute function learn_internal.daily_challenge_attempts_inserted();

create or replace trigger results_stay
  after update of score, passed, completed_at, recorded_at on learn.daily_challenge_attempts
  for each row when ((old.score, old.passed, old.completed_at, old.recorded_at)
    is distinct from (new.score, new.passed, new.completed_at, new.recorded_at))
  execute function learn_internal.refuse_change();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.daily_challenge_attempts
  for each row
  when (learn_internal.is_off_time(
    greatest(new.completed_at, new.recorded_at),
    least(new.completed_at, new.recorded_at)))
  execute function learn_internal.refuse_times('completed_at', 'recorded_at');

create or replace trigger refuse_new_times
  before update of completed_at, recorded_at on learn.daily_challenge_attempts
  for each row
  when (new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at)
    or new.recorded_at is distinct from old.recorded_at and learn_internal.is_off_time(new.recorded_at, new.recorded_at))
  execute function learn_internal.refuse_times('completed_at', 'recorded_at');

-- triggers/challenges/hint_usage.sql

-- What happens when the use of a hint is written: its penalty is the one that the level says, and stays, as the use does.
-- Errors: LX003 the level has no such hint; LX005 the challenge is locked; LX009 it would cost something else.
create or replace function learn_internal.fill_hints()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_hint jsonb;
begin
  select l.hints -> case when new.hint_number > 0 then new.hint_number - 1 end into v_hint
  from learn.challenge_levels l
  where l.challenge_id = new.challenge_id and l.level_number = new.level_number;
  if found and not exists (
    select from learn.user_challenge_progress p
    where p.user_id = new.user_id and p.challenge_id = new.challenge_id and p.unlocked_at is not null)
    and not exists (
    select from learn_internal.due_challenge_unlocks d
    where d.user_id = new.user_id and d.challenge_id = new.challenge_id)
  then
    raise exception 'the challenge is locked'
      using errcode = 'LX005',
        detail = format('user_id = %s, challenge_id = %s', new.user_id, new.challenge_id),
        hint = 'What it takes: learn.challenge_prerequisites_status.';
  end if;
  if v_hint is null then
    raise exception 'unknown hint'
      using errcode = 'LX003',
        detail = format('challenge_id = %s, level %s, hint %s',
          new.challenge_id, new.level_number, coalesce(new.hint_number::text, 'null')),
        hint = 'Look at learn.challenge_levels.hints; the first one is 1.';
  end if;
  new.xp_penalty := coalesce((v_hint ->> 'xp_penalty')::numeric::integer, 0);
  return new;
end;
$$;
comment on function learn_internal.fill_hints() is
  'Row trigger: a hint must be there (LX003), and its penalty is the level''s.';

create or replace trigger fill_hints
  before insert on learn.hint_usage
  for each row
  execute function learn_internal.fill_hints();

create or replace trigger results_stay
  after update of xp_penalty, used_at on learn.hint_usage
  for each row when ((old.xp_penalty, old.used_at) is distinct from (new.xp_penalty, new.used_at))
  execute function learn_internal.refuse_change();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.hint_usage
  for each row
  when (learn_internal.is_off_time(new.used_at, new.used_at))
  execute function learn_internal.refuse_times('used_at');

create or replace trigger refuse_new_times
  before update of used_at on learn.hint_usage
  for each row
  when (new.used_at is distinct from old.used_at and learn_internal.is_off_time(new.used_at, new.used_at))
  execute function learn_internal.refuse_times('used_at');

-- A hint that was used has been used, whatever begins again: it goes with its level.
-- Errors: LX009.
create or replace trigger hints_stay
  before delete on learn.hint_usage
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_change();

create or replace trigger hint_usage_truncate
  before truncate on learn.hint_usage
  for each statement execute function learn_internal.refuse_truncate();

-- triggers/challenges/level_attempts_inserted.sql

-- When levels of challenges are attempted, one attempt after the other, by user: every attempt is a fact and counts in
-- the progress, the first pass of a level pays, passing the last one completes the challenge. Facts are written together,
-- but before what follows from them. See level_attempts.sql for what comes before and after.
-- Errors: LX005 the challenge is locked, after all that this statement unlocks; or a level before it is not passed.
create or replace function learn_internal.level_attempts_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  n          record;               -- an attempt
  p          learn_internal.attempt;
  v_user_id  uuid;
  v_level    record;               -- at which it is
  v_progress learn.user_challenge_progress;
  v_attempt  integer;              -- its number
  v_hints    record;
  v_is_first boolean;              -- pass of the level
  v_facts    learn_internal.fact[] := '{}'::learn_internal.fact[];
  v_passed   learn_internal.attempt[] := '{}'::learn_internal.attempt[];  -- a level, for the first time
  v_locked   learn_internal.attempt[] := '{}'::learn_internal.attempt[];
  v_now      timestamptz := learn.clock();
  v_last_id  bigint := coalesce(pg_sequence_last_value('learn.xp_transactions_id_seq'), 0);
  v_user_ids uuid[] := '{}'::uuid[];         -- challenges that are completed by this
  v_ids      bigint[] := '{}'::bigint[];
  v_at       timestamptz[] := '{}'::timestamptz[];
begin
  for n in
    select a.user_id, a.id, a.challenge_id, a.level_number, a.score, a.passed, a.created_at,
      coalesce(a.time_spent_seconds, 0) as seconds
    from new_rows a
    order by a.user_id, a.id
  loop
    if n.user_id is distinct from v_user_id then
      perform from learn.user_stats s where s.user_id = n.user_id for no key update;
      v_user_id := n.user_id;
    end if;
    select c.slug, c.category, c.difficulty, l.xp_reward into v_level
    from learn.challenge_levels l
    join learn.challenges c on c.id = l.challenge_id
    where l.challenge_id = n.challenge_id and l.level_number = n.level_number;
    select * into v_progress
    from learn.user_challenge_progress e
    where e.user_id = n.user_id and e.challenge_id = n.challenge_id;
    -- Levels are passed in order: those before count, of earlier attempts or of this statement.
    if exists (
      select from learn.challenge_levels l
      where l.challenge_id = n.challenge_id and l.level_number < n.level_number
        and l.level_number > coalesce(v_progress.current_level, 0))
    then
      raise exception 'the level is locked'
        using errcode = 'LX005',
          detail = format('user_id = %s, challenge_id = %s, level %s; passed so far: %s',
            n.user_id, n.challenge_id, n.level_number, coalesce(v_progress.current_level, 0)),
          hint = 'Levels are passed in order.';
    end if;

    -- Number the attempt and note the hints used, whatever its writer says.
    select count(*) into v_attempt
    from learn.level_attempts e
    where e.challenge_id = n.challenge_id and e.level_number = n.level_number and e.user_id = n.user_id
      and e.id <= n.id;
    select count(*)::integer as used, coalesce(sum(h.xp_penalty), 0)::integer as penalty into v_hints
    from learn.hint_usage h
    where h.user_id = n.user_id and h.challenge_id = n.challenge_id and h.level_number = n.level_number;
    update learn.level_attempts a
    set attempt_number = v_attempt, hints_used = v_hints.used, xp_earned = 0
    where a.user_id = n.user_id and a.id = n.id;

    -- The facts
    v_facts := v_facts || (
      n.user_id, 'challenge_attempted', 'challenge', n.challenge_id::text,
      jsonb_build_object('challenge', v_level.slug, 'category', v_level.category,
        'level', n.level_number, 'score', n.score, 'passed', n.passed),
      null, n.created_at)::learn_internal.fact;
    v_is_first := n.passed
      and n.level_number <> all (coalesce(v_progress.levels_completed, '{}'::integer[]));
    if v_is_first then
      v_facts := v_facts || (
        n.user_id, 'challenge_level_passed', 'challenge_level', n.challenge_id || ':' || n.level_number,
        jsonb_build_object('challenge', v_level.slug, 'category', v_level.category,
          'difficulty', v_level.difficulty, 'level', n.level_number, 'score', n.score,
          'attempt_number', v_attempt, 'hints_used', v_hints.used),
        greatest(0, v_level.xp_reward - v_hints.penalty), n.created_at)::learn_internal.fact;
      v_passed := v_passed
        || (n.user_id, n.id, n.challenge_id, n.level_number, n.created_at)::learn_internal.attempt;
    end if;

    -- Progress
    if v_progress.user_id is null then
      insert into learn.user_challenge_progress
        (user_id, challenge_id, current_level, levels_completed, started_at, total_attempts,
         time_spent_seconds, best_score)
      values (n.user_id, n.challenge_id, case when n.passed then n.level_number else 0 end,
        case when n.passed then array[n.level_number] else '{}' end, n.created_at, 1, n.seconds, n.score)
      on conflict do nothing;
    else
      update learn.user_challenge_progress e
      set current_level = greatest(e.current_level, case when n.passed then n.level_number end),
        levels_completed = array(
          select distinct l from unnest(e.levels_completed || case when n.passed then n.level_number end) l
          where l is not null order by l),
        started_at = least(e.started_at, n.created_at), total_attempts = e.total_attempts + 1,
        time_spent_seconds = e.time_spent_seconds + n.seconds, best_score = greatest(e.best_score, n.score)
      where e.user_id = n.user_id and e.challenge_id = n.challenge_id;
    end if;
    if v_progress.unlocked_at is null then
      v_locked := v_locked
        || (n.user_id, n.id, n.challenge_id, n.level_number, n.created_at)::learn_internal.attempt;
    end if;
  end loop;
  if v_user_id is null then
    return null;
  end if;
  perform learn_internal.write_facts(v_facts);

  -- What first passes paid is noted with the attempts.
  foreach p in array v_passed loop
    update learn.level_attempts a
    set xp_earned = t.amount
    from learn.xp_transactions t
    where a.user_id = p.user_id and a.id = p.id
      and t.user_id = p.user_id and t.created_at >= v_now and t.id > v_last_id and t.amount > 0
      and t.source_type = 'challenge_level_passed'
      and t.source_id = p.challenge_id || ':' || p.level_number;
    if not exists (
      select from learn.challenge_levels l
      join learn.user_challenge_progress e on e.user_id = p.user_id and e.challenge_id = p.challenge_id
      where l.challenge_id = p.challenge_id and l.level_number <> all (e.levels_completed))
    then
      v_user_ids := v_user_ids || p.user_id;
      v_ids := v_ids || p.challenge_id;
      v_at := v_at || (
        select max(x.at) from unnest(v_passed) x
        where x.user_id = p.user_id and x.challenge_id = p.challenge_id);
    end if;
  end loop;
  if cardinality(v_ids) > 0 then
    perform learn_internal.complete_challenges(v_user_ids, v_ids, v_at);
  end if;

  -- All that was attempted must be unlocked by now: an attempt at a challenge that its user has earned does it.
  foreach p in array v_locked loop
    update learn.user_challenge_progress e
    set unlocked_at = e.started_at
    where e.user_id = p.user_id and e.challenge_id = p.challenge_id and e.unlocked_at is null
      and exists (
        select from learn_internal.due_challenge_unlocks d
        where d.user_id = p.user_id and d.challenge_id = p.challenge_id);
    if not found and exists (
      select from learn.user_challenge_progress e
      where e.user_id = p.user_id and e.challenge_id = p.challenge_id and e.unlocked_at is null)
    then
      raise exception 'the challenge is locked'
        using errcode = 'LX005', detail = format('user_id = %s, challenge %s', p.user_id,
            (select c.slug from learn.challenges c where c.id = p.challenge_id)),
          hint = 'What it takes: learn.challenge_prerequisites_status.';
    end if;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.level_attempts_inserted() is
  'Statement trigger: attempts count, first passes pay, the last level completes the challenge.';

create or replace trigger level_attempts_inserted
  after insert on learn.level_attempts
  referencing new table as new_rows
  for each statement execute function learn_internal.level_attempts_inserted();

-- triggers/challenges/old_progress_table.sql

-- What happens when rows of learn.old_progress_table are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.old_progress_table
  for each row
  when (learn_internal.is_off_time(new.imported_at, new.imported_at))
  execute function learn_internal.refuse_times('imported_at');

create or replace trigger refuse_new_times
  before update of imported_at on learn.old_progress_table
  for each row
  when (new.imported_at is distinct from old.imported_at and learn_internal.is_off_time(new.imported_at, new.imported_at))
  execute function learn_internal.refuse_times('imported_at');

-- functions/challenges/refuse_dead_ends.sql

-- When challenges or tracks get prerequisites, or challenges a track: nothing may wait for itself by way of both.
-- A challenge waits for its prerequisites and for all challenges of the tracks that its track asks for.
-- (Cycles of one kind alone, refuse_cycle() has refused before.) What waits for nothing that is left is taken
-- away, again and again: what remains, nobody could ever begin.
-- Errors: LX012.
create or replace function learn_internal.refuse_dead_ends()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_left  bigint[];
  v_next  bigint[];
  v_node  bigint;
  v_path  bigint[];
begin
  if not exists (select from learn.track_prerequisites) then
    return null;
  end if;
  v_left := array(
    select c.id from learn.challenges c
    where exists (select from learn.challenge_prerequisites e where e.challenge_id = c.id)
      or exists (select from learn.track_prerequisites e where e.track_id = c.track_id));
  loop
    v_next := array(
      select c.id
      from learn.challenges c
      where c.id = any (v_left) and (
        exists (
          select from learn.challenge_prerequisites e
          where e.challenge_id = c.id and e.prerequisite_challenge_id = any (v_left))
        or exists (
          select from learn.track_prerequisites e
          join learn.challenges r on r.track_id = e.prerequisite_track_id
          where e.track_id = c.track_id and r.id = any (v_left))));
    if cardinality(v_next) = 0 then
      return null;
    end if;
    exit when cardinality(v_next) = cardinality(v_left);
    v_left := v_next;
  end loop;

  -- Go from one of them to one that it waits for, until one comes again.
  v_node := v_left[1];
  loop
    v_path := v_path || v_node;
    select w.id into v_node
    from (
      select e.prerequisite_challenge_id as id
      from learn.challenge_prerequisites e
      where e.challenge_id = v_node
      union all
      select r.id
      from learn.challenges c
      join learn.track_prerequisites e on e.track_id = c.track_id
      join learn.challenges r on r.track_id = e.prerequisite_track_id
      where c.id = v_node
    ) w
    where w.id = any (v_left)
    limit 1;
    exit when v_node = any (v_path);
  end loop;
  raise exception 'challenges would wait for each other'
    using errcode = 'LX012',
      detail = (
        select string_agg(c.slug, ' → ' order by p.place)
        from unnest(v_path[array_position(v_path, v_node):] || v_node) with ordinality p(id, place)
        join learn.challenges c on c.id = p.id),
      hint = 'A challenge waits for its prerequisites, and for the tracks that its track asks for. Remove one of these.';
end;
$$;
comment on function learn_internal.refuse_dead_ends() is
  'Statement trigger: refuses challenges that would wait for each other by prerequisites of their own and of '
  'their tracks (LX012).';

-- views/challenges/old_progress_rows.sql

-- The rows of learn.old_progress_table with what is wrong with each, null where nothing is.
create or replace view learn_internal.old_progress_rows as
select c.id, c.user_id, c.challenge_id, c.levels, c.total_xp,
  coalesce(c.problem, case when c.first_id <> c.id
    then format('row %s is of the same user and challenge', c.first_id) end) as rejection
from (
  select p.*, first_value(p.id) over (
      partition by p.user_id, p.challenge_id, p.problem is null order by p.id) as first_id
  from (
    select r.id, r.user_id, c.id as challenge_id, l.levels, r.total_xp, case
      when r.user_id is null then 'user_id is null'
      when u.id is null then 'unknown user'
      when r.problem_id is null then 'problem_id is null'
      when c.id is null then 'unknown challenge'
      when r.completed_levels is null then 'completed_levels is null'
      when l.has_other then 'completed_levels has something else than levels 1 to 5'
      when l.has_twice then 'completed_levels has a level twice'
      when m.level is not null then format('level %s is missing before level %s', m.level, (
        select min(x) from unnest(l.levels) x where x > m.level))
      when r.total_xp is null then 'total_xp is null'
      when r.total_xp < 0 then 'total_xp is negative'
      when not i.completed_levels <@ l.levels or r.total_xp < i.total_xp
        then format('it was imported with more: levels %s, %s XP', i.completed_levels, i.total_xp)
    end as problem
    from learn.old_progress_table r
    left join learn.users u on u.id = r.user_id
    left join learn.challenges c on c.slug = r.problem_id
    left join learn.imported_challenge_progress i
      on i.user_id = r.user_id and i.challenge_id = c.id
    cross join lateral (
      select coalesce(array_agg(x order by x), '{}') as levels,
        coalesce(bool_or(x is null or x not between 1 and 5), false) as has_other,
        count(*) > count(distinct x) as has_twice
      from unnest(r.completed_levels) x
    ) l
    left join learn.user_challenge_progress p on p.user_id = r.user_id and p.challenge_id = c.id
    left join lateral (
      select learn_internal.missing_level(c.id, l.levels || p.levels_completed) as level
      where not l.has_other
    ) m on true
  ) p
) c;
comment on view learn_internal.old_progress_rows is
  'The rows of old_progress_table, with why each cannot be imported.';

-- triggers/challenges/challenge_prerequisites.sql

-- What happens when rows of learn.challenge_prerequisites are written, in the order in which triggers fire.
-- Errors: LX012.

-- When prerequisites of challenges change: this blocks learners.
create or replace trigger challenge_prerequisites_change
  before insert or update or delete on learn.challenge_prerequisites
  for each statement
  execute function learn_internal.change_content();

-- When a challenge gets a prerequisite: no cycle.
create or replace trigger challenge_prerequisites_inserted
  after insert on learn.challenge_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('challenge_id', 'prerequisite_challenge_id');

-- When a challenge's prerequisite changes: no cycle.
create or replace trigger challenge_prerequisites_updated
  after update on learn.challenge_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('challenge_id', 'prerequisite_challenge_id');

-- When prerequisites of challenges are written: no dead end by way of both kinds.
create or replace trigger challenge_prerequisites_wait
  after insert or update on learn.challenge_prerequisites
  for each statement
  execute function learn_internal.refuse_dead_ends();

-- triggers/challenges/challenges.sql

-- What happens when rows of learn.challenges are written, in the order in which triggers fire.
-- Errors: LX012.

-- When challenges are activated, deactivated, put into tracks or deleted: this blocks learners.
create or replace trigger challenges_change
  before update of is_active, track_id or delete on learn.challenges
  for each statement
  execute function learn_internal.change_content();

-- When challenges change: tracks follow when one comes, goes or moves.
create or replace function learn_internal.challenges_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.track_id), (o.track_id)) t(track_id)
  where t.track_id is not null
    and (n.is_active <> o.is_active or n.track_id is distinct from o.track_id)
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.challenges_updated() is
  'Statement trigger: recounts the tracks of challenges that changed.';

create or replace trigger challenges_updated
  after update on learn.challenges
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.challenges_updated();

create or replace trigger challenges_touch
  before update on learn.challenges
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

-- When challenges are deleted: their tracks may be complete without them.
create or replace trigger challenges_deleted
  after delete on learn.challenges
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');

-- When challenges come into tracks: no dead end by what their tracks ask for.
create or replace trigger challenges_wait
  after insert or update of track_id on learn.challenges
  for each statement
  execute function learn_internal.refuse_dead_ends();

-- triggers/challenges/daily_challenges.sql

-- What happens when rows of learn.daily_challenges are written, in the order in which triggers fire.
-- Errors: LX009.

-- When the challenge of a day is written without a multiplier: passing it pays as much as the highest level of
-- the challenge does, and at most twice its base. Why: see docs/economy.md.
create or replace function learn_internal.fill_multiplier()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  select least(2, trunc(max(l.xp_reward)::numeric / nullif(c.xp_base, 0), 2)) into new.xp_multiplier
  from learn.challenges c
  left join learn.challenge_levels l on l.challenge_id = c.id
  where c.id = new.challenge_id
  group by c.xp_base;
  new.xp_multiplier := coalesce(new.xp_multiplier, 2);
  return new;
end;
$$;
comment on function learn_internal.fill_multiplier() is
  'Row trigger: a daily challenge pays as much as the highest level of its challenge.';

create or replace trigger fill_multiplier
  before insert on learn.daily_challenges
  for each row
  when (new.xp_multiplier is null)
  execute function learn_internal.fill_multiplier();

-- When a challenge of a day is deleted, alone or with its challenge: who has passed it does not pass
-- another one of that day for pay. Before it is gone, and its attempts with it.
create or replace function learn_internal.remember_days()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
  select a.user_id, 'daily_challenge_completed', 'date', old.date::text
  from learn.daily_challenge_attempts a
  where a.daily_challenge_id = old.id and a.passed
  order by a.user_id
  on conflict do nothing;
  return old;
end;
$$;
comment on function learn_internal.remember_days() is
  'Row trigger: who has passed a challenge of the day has passed the day.';

create or replace trigger remember_days
  before delete on learn.daily_challenges
  for each row execute function learn_internal.remember_days();

-- When the challenge of a day is moved to another day, or becomes another one: not when somebody has attempted it.
-- Errors: LX009.
create or replace function learn_internal.keep_attempted_days()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from learn.daily_challenge_attempts a where a.daily_challenge_id = old.id) then
    raise exception 'the challenge of the day has been attempted'
      using errcode = 'LX009', detail = format('id = %s, date = %s', old.id, old.date),
        hint = 'Schedule another one for another day.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.keep_attempted_days() is
  'Row trigger: a challenge of the day that was attempted stays the one of its day (LX009).';

create or replace trigger keep_attempted_days
  after update of date, challenge_id on learn.daily_challenges
  for each row when ((old.date, old.challenge_id) is distinct from (new.date, new.challenge_id))
  execute function learn_internal.keep_attempted_days();

-- views/challenges/challenge_recounts.sql

-- Progress in challenges recounted from the attempts and from what was imported: what
-- user_challenge_progress must say. Filter by user_id: the condition reaches the tables.
create or replace view learn_internal.challenge_recounts as
select p.user_id, p.challenge_id,
  array_agg(distinct p.level_number) filter (where p.passed) as levels_completed,
  coalesce(max(p.level_number) filter (where p.passed), 0) as current_level,
  count(*) filter (where p.is_attempt)::integer as total_attempts,
  coalesce(sum(p.time_spent_seconds), 0)::bigint as time_spent_seconds,
  max(p.score) as best_score,
  min(p.created_at) filter (where p.is_attempt or p.passed) as started_at,
  max(p.created_at) filter (where p.passed) as last_passed_at,
  min(p.created_at) as unlocked_at
from (
  select a.user_id, a.challenge_id, a.level_number, a.passed, true as is_attempt,
    a.time_spent_seconds, a.score, a.created_at
  from learn.level_attempts a
  union all
  select i.user_id, i.challenge_id, l.level, l.level is not null, false, null, null, i.imported_at
  from learn.imported_challenge_progress i
  left join lateral unnest(i.completed_levels) l(level) on true
) p
group by p.user_id, p.challenge_id;
comment on view learn_internal.challenge_recounts is
  'Progress per user and challenge, recounted from level_attempts and '
  'imported_challenge_progress.';

-- views/challenges/challenge_damage.sql

-- Where progress in challenges is not what attempts and imports say, or attempts not what the ledger
-- says: the part of check_integrity() about challenges. The ledger may have paid more than attempts
-- note: for attempts that were deleted, and for facts that a backend has recorded.
create or replace view learn_internal.challenge_damage (check_name, user_id, expected, actual) as
select 'challenge_progress_follows_from_attempts', w.user_id,
  format('challenge %s: %s', w.challenge_id,
    coalesce(max(w.progress::text) filter (where w.is_due), '({},0,0,0,,)')),
  format('challenge %s: %s', w.challenge_id, max(w.progress::text) filter (where not w.is_due))
from (
  select r.user_id, r.challenge_id, true as is_due, (coalesce(r.levels_completed, '{}'), r.current_level,
    r.total_attempts, r.time_spent_seconds, r.best_score, r.started_at) as progress
  from learn_internal.challenge_recounts r
  union all
  select p.user_id, p.challenge_id, false,
    (p.levels_completed, p.current_level, p.total_attempts, p.time_spent_seconds, p.best_score,
      p.started_at)
  from learn.user_challenge_progress p
) w
group by w.user_id, w.challenge_id
having coalesce(max(w.progress::text) filter (where w.is_due), '({},0,0,0,,)')
  is distinct from max(w.progress::text) filter (where not w.is_due)
union all
select 'attempted_challenges_are_unlocked', p.user_id,
  format('challenge %s unlocked', p.challenge_id), 'locked'
from learn.user_challenge_progress p
where p.unlocked_at is null
union all
select 'full_challenges_are_completed', f.user_id,
  format('challenge %s completed', f.challenge_id), 'not completed'
from learn_internal.full_challenges f
join learn.user_challenge_progress p on p.user_id = f.user_id and p.challenge_id = f.challenge_id
where p.completed_at is null
union all
select 'passed_levels_are_facts', p.user_id,
  format('a fact for level %s of challenge %s', l, p.challenge_id), 'none'
from learn.user_challenge_progress p
cross join lateral unnest(p.levels_completed) l
left join learn_internal.all_facts f on f.user_id = p.user_id
  and f.activity_type = 'challenge_level_passed' and f.subject_type = 'challenge_level'
  and f.subject_id = p.challenge_id || ':' || l
where f.id is null
union all
select 'imported_progress_is_paid', i.user_id,
  format('challenge %s: at least %s', i.challenge_id, i.total_xp),
  format('challenge %s: %s', i.challenge_id, coalesce(f.xp, 0))
from learn.imported_challenge_progress i
left join (
  select l.user_id, l.subject_id, sum(l.xp) as xp
  from learn_internal.all_facts l
  where l.activity_type = 'xp_awarded' and l.subject_type = 'challenge'
    and l.properties ->> 'source_type' = 'import'
  group by l.user_id, l.subject_id
) f on f.user_id = i.user_id and f.subject_id = i.challenge_id::text
where coalesce(f.xp, 0) < i.total_xp
union all
select 'attempts_note_what_was_paid', a.user_id,
  format('%s %s: at most %s', a.activity_type, a.subject_id, coalesce(t.xp, 0)),
  format('%s %s: %s', a.activity_type, a.subject_id, a.xp)
from (
  select v.user_id, 'challenge_level_passed' as activity_type,
    v.challenge_id || ':' || v.level_number as subject_id, sum(v.xp_earned) as xp
  from learn.level_attempts v
  where v.xp_earned > 0
  group by v.user_id, v.challenge_id, v.level_number
  union all
  select d.user_id, 'daily_challenge_completed', d.daily_challenge_id::text, d.xp_earned
  from learn.daily_challenge_attempts d
  where d.xp_earned > 0
) a
left join (
  select x.user_id, x.activity_type, x.source_id, sum(x.amount) as xp
  from learn_internal.all_payments x
  where x.activity_type in ('challenge_level_passed', 'daily_challenge_completed')
  group by x.user_id, x.activity_type, x.source_id
) t on t.user_id = a.user_id and t.activity_type = a.activity_type and t.source_id = a.subject_id
where a.xp > coalesce(t.xp, 0);
comment on view learn_internal.challenge_damage is
  'Where progress in challenges is not what attempts and imports say, or attempts not what the '
  'ledger says; no row when all is well.';

-- views/challenges/challenge_prerequisites_status.sql

-- What unlocking each active challenge takes, and how far a user is. Filter by user_id: then nobody
-- else is looked at.
create or replace view learn.challenge_prerequisites_status as
select u.id as user_id, c.id as challenge_id, c.slug as challenge_slug,
  p.unlocked_at is not null as is_unlocked, q.prerequisites, t.track_prerequisites,
  q.is_met and t.is_met as is_met
from learn.users u
cross join learn.challenges c
left join learn.user_challenge_progress p on p.user_id = u.id and p.challenge_id = c.id
cross join lateral (
  select coalesce(jsonb_agg(jsonb_build_object(
      'challenge_id', r.id, 'slug', r.slug, 'completed', d.completed_at is not null)
      order by r.position, r.id), '[]') as prerequisites,
    coalesce(bool_and(d.completed_at is not null), true) as is_met
  from learn.challenge_prerequisites e
  join learn.challenges r on r.id = e.prerequisite_challenge_id and r.is_active
  left join learn.user_challenge_progress d on d.user_id = u.id and d.challenge_id = r.id
  where e.challenge_id = c.id and exists (select from learn.challenge_levels l where l.challenge_id = r.id)
) q
cross join lateral (
  select coalesce(jsonb_agg(jsonb_build_object(
      'track_id', k.id, 'slug', k.slug, 'completed', d.completed_at is not null)
      order by k.position, k.id), '[]') as track_prerequisites,
    coalesce(bool_and(d.completed_at is not null), true) as is_met
  from learn.track_prerequisites e
  join learn.tracks k on k.id = e.prerequisite_track_id and k.is_published
  join learn_internal.track_sizes z on z.track_id = k.id
  left join learn.user_track_progress d on d.user_id = u.id and d.track_id = k.id
  where e.track_id = c.track_id
) t
where c.is_active;
comment on view learn.challenge_prerequisites_status is
  'What unlocking each active challenge takes and how far a user is: '
  '[{"challenge_id": 1, "slug": "…", "completed": true}, …], and the same for tracks.';
comment on column learn.challenge_prerequisites_status.is_met is
  'Nothing is missing: an attempt, or check_and_unlock_challenges(), unlocks it.';
grant select on learn.challenge_prerequisites_status to learn_app, learn_readonly;

-- views/challenges/my_challenge_prerequisites.sql

-- challenge_prerequisites_status of the learner whose session it is; nobody else's can be had through it.
create or replace view learn.my_challenge_prerequisites with (security_barrier) as
select v.* from learn.challenge_prerequisites_status v where v.user_id = (select learn.current_learner());
comment on view learn.my_challenge_prerequisites is 'challenge_prerequisites_status of the learner whose session it is: see current_learner().';
grant select on learn.my_challenge_prerequisites to learn_app, learn_user, learn_readonly;

-- views/challenges/daily_challenge_board.sql

-- Daily challenges with how many took part and how they did.
create or replace view learn.daily_challenge_board with (security_barrier) as
select d.id, d.date, d.challenge_id, c.slug, c.title, c.category, c.difficulty, c.xp_base,
  d.difficulty_modifier, d.xp_multiplier, d.special_requirements,
  s.participants_count, s.passed_count, s.average_score
from learn.daily_challenges d
join learn.challenges c on c.id = d.challenge_id
cross join lateral (
  select count(*) as participants_count, count(*) filter (where a.passed) as passed_count,
    round(avg(a.score), 2) as average_score
  from learn.daily_challenge_attempts a
  where a.daily_challenge_id = d.id
) s;
comment on view learn.daily_challenge_board is
  'Daily challenges with their participants and average score in percent.';
grant select on learn.daily_challenge_board to learn_app, learn_user, learn_readonly;

-- views/challenges/daily_challenge_ranks.sql

-- The attempts at each daily challenge, ranked by score: 1, 2, 2, 4. Users who are on no board are
-- not on this one. Filter by daily_challenge_id: the condition reaches the table.
create or replace view learn.daily_challenge_ranks with (security_barrier) as
select a.daily_challenge_id, a.user_id, u.username, u.display_name, a.score, a.passed, a.xp_earned,
  a.completed_at, rank() over (partition by a.daily_challenge_id order by a.score desc) as rank
from learn.daily_challenge_attempts a
join learn.users u on u.id = a.user_id
where u.is_active and u.show_on_leaderboard;
comment on view learn.daily_challenge_ranks is
  'Attempts at daily challenges, ranked by score in percent.';
grant select on learn.daily_challenge_ranks to learn_app, learn_user, learn_readonly;

-- views/challenges/due_challenge_unlocks.sql

-- Challenges that users could have unlocked and have not: active, with every prerequisite completed,
-- and every track that their track asks for. What nobody can complete keeps nobody out: an inactive challenge,
-- one without levels, an empty track. Filter by user_id: nobody else is looked at.
create or replace view learn_internal.due_challenge_unlocks as
select s.user_id, c.id as challenge_id, c.slug, c.position, c.track_id
from learn.user_stats s
cross join learn.challenges c
where c.is_active
  and not exists (
    select from learn.user_challenge_progress p
    where p.user_id = s.user_id and p.challenge_id = c.id and p.unlocked_at is not null)
  and not exists (
    select from learn.challenge_prerequisites e
    join learn.challenges r on r.id = e.prerequisite_challenge_id and r.is_active
    where e.challenge_id = c.id
      and exists (select from learn.challenge_levels l where l.challenge_id = r.id)
      and not exists (
      select from learn.user_challenge_progress p
      where p.user_id = s.user_id and p.challenge_id = r.id and p.completed_at is not null))
  and not exists (
    select from learn.track_prerequisites e
    join learn.tracks t on t.id = e.prerequisite_track_id and t.is_published
    join learn_internal.track_sizes z on z.track_id = t.id
    where e.track_id = c.track_id and not exists (
      select from learn.user_track_progress p
      where p.user_id = s.user_id and p.track_id = t.id and p.completed_at is not null));
comment on view learn_internal.due_challenge_unlocks is
  'Challenges that users have earned to unlock and have not unlocked yet.';

-- triggers/challenges/level_attempts.sql

-- What happens when levels of challenges are attempted, in this order: content is held; a score below the pass mark
-- does not pass; every attempt is a fact and counts in the progress, the first pass of a level pays, passing the last
-- one completes the challenge. Attempts stay as they were judged. When they are deleted, progress is recounted.
-- Errors: LX005 the challenge or a level before is not done; LX009 an attempt would be judged again.

-- 1. Before anything is written: content is held.
create or replace trigger level_attempts_hold
  before insert on learn.level_attempts
  for each statement execute function learn_internal.hold_content_first();

-- 2. Who passes has reached the pass mark of the level, where it has one, whatever the writer says.
create or replace function learn_internal.judge_attempts()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  new.passed := new.score >= coalesce((
    select (l.passing_criteria ->> 'min_score')::numeric
    from learn.challenge_levels l
    where l.challenge_id = new.challenge_id and l.level_number = new.level_number), 0);
  return new;
end;
$$;
comment on function learn_internal.judge_attempts() is
  'Row trigger: an attempt below the pass mark of its level does not pass.';

create or replace trigger judge_attempts
  before insert on learn.level_attempts
  for each row when (new.passed)
  execute function learn_internal.judge_attempts();

-- 3. The attempts themselves: level_attempts_inserted.sql.

-- 4. Attempts stay as they were judged.
create or replace trigger results_stay
  after update of score, passed, attempt_number, hints_used, time_spent_seconds, created_at
  on learn.level_attempts
  for each row when ((old.score, old.passed, old.time_spent_seconds, old.created_at)
    is distinct from (new.score, new.passed, new.time_spent_seconds, new.created_at)
    or pg_trigger_depth() = 0
      and (old.attempt_number, old.hints_used) is distinct from (new.attempt_number, new.hints_used))
  execute function learn_internal.refuse_change();

-- 5. Attempts that are deleted, alone or with their level: the progress that they made is recounted.
create or replace function learn_internal.level_attempts_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  d         record;
  r         learn_internal.challenge_recounts;
  v_user_id uuid;
begin
  for d in
    select distinct o.user_id, o.challenge_id
    from deleted_rows o
    join learn.users u on u.id = o.user_id
    join learn.challenges c on c.id = o.challenge_id
    order by o.user_id, o.challenge_id
  loop
    if d.user_id is distinct from v_user_id then
      perform from learn.user_stats s where s.user_id = d.user_id for no key update;
      v_user_id := d.user_id;
    end if;
    select * into r
    from learn_internal.challenge_recounts x
    where x.user_id = d.user_id and x.challenge_id = d.challenge_id;
    update learn.user_challenge_progress p
    set current_level = coalesce(r.current_level, 0), levels_completed = coalesce(r.levels_completed, '{}'),
      total_attempts = coalesce(r.total_attempts, 0), started_at = r.started_at,
      time_spent_seconds = coalesce(r.time_spent_seconds, 0), best_score = r.best_score
    where p.user_id = d.user_id and p.challenge_id = d.challenge_id;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.level_attempts_deleted() is
  'Statement trigger: recounts the progress of deleted attempts.';

create or replace trigger level_attempts_deleted
  after delete on learn.level_attempts
  referencing old table as deleted_rows
  for each statement execute function learn_internal.level_attempts_deleted();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.level_attempts
  for each row
  when (learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');

create or replace trigger refuse_new_times
  before update of created_at on learn.level_attempts
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');

-- triggers/challenges/imported_challenge_progress.sql

-- What happens when rows of learn.imported_challenge_progress are written, in the order in which triggers fire.
-- Errors: LX001.

-- Before imported progress is written: content is held.
create or replace trigger imported_progress_hold
  before insert or update on learn.imported_challenge_progress
  for each statement
  execute function learn_internal.hold_content_first();

-- When imported progress is deleted, alone or with its challenge: what is left is recounted from
-- the attempts. What it paid stays paid.
create or replace trigger imported_progress_deleted
  after delete on learn.imported_challenge_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.level_attempts_deleted();

-- When imported progress is written: it counts and pays.
create or replace function learn_internal.imported_progress_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.apply_imports(
    array_agg(n.user_id), array_agg(n.challenge_id), array_agg(n.total_xp))
  from new_rows n
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.imported_progress_inserted() is
  'Statement trigger: imported progress counts and pays.';

create or replace trigger imported_progress_inserted
  after insert on learn.imported_challenge_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.imported_progress_inserted();

-- When imported progress grows: new levels count, and the difference in XP is paid. It does not
-- shrink.
-- Errors: LX001 fewer levels, less XP.
create or replace function learn_internal.imported_progress_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_changes record;
begin
  select array_agg(c.user_id) filter (where c.is_changed) as user_ids,
    array_agg(c.challenge_id) filter (where c.is_changed) as challenge_ids,
    array_agg(c.total_xp - c.old_total_xp) filter (where c.is_changed) as xp,
    min(format('user_id = %s, challenge_id = %s: levels %s, %s XP',
      c.user_id, c.challenge_id, c.levels, c.total_xp)) filter (where c.is_bad) as bad
  into v_changes
  from (
    select g.*, (g.levels, g.total_xp) <> (g.old_levels, g.old_total_xp) as is_changed,
      not g.old_levels <@ g.levels or g.total_xp < g.old_total_xp as is_bad
    from (
      -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
      select r.user_id, r.challenge_id, max(r.completed_levels) filter (where r.is_new) as levels,
        max(r.completed_levels) filter (where not r.is_new) as old_levels,
        max(r.total_xp) filter (where r.is_new) as total_xp,
        max(r.total_xp) filter (where not r.is_new) as old_total_xp
      from (
        select n.user_id, n.challenge_id, n.completed_levels, n.total_xp, true as is_new from new_rows n
        union all
        select o.user_id, o.challenge_id, o.completed_levels, o.total_xp, false from old_rows o
      ) r
      group by r.user_id, r.challenge_id
    ) g
    where g.levels is not null and g.old_levels is not null  -- not where merge_users() moves rows
  ) c;
  if v_changes.bad is not null then
    raise exception 'imported progress does not shrink'
      using errcode = 'LX001', detail = v_changes.bad,
        hint = 'What was paid is in the ledger: learn.reverse_xp() takes it back.';
  end if;
  if v_changes.user_ids is not null then
    perform learn_internal.apply_imports(v_changes.user_ids, v_changes.challenge_ids, v_changes.xp);
  end if;
  return null;
end;
$$;
comment on function learn_internal.imported_progress_updated() is
  'Statement trigger: what imported progress grew by counts and is paid; '
  'it does not shrink (LX001).';

create or replace trigger imported_progress_updated
  after update on learn.imported_challenge_progress
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.imported_progress_updated();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.imported_challenge_progress
  for each row
  when (learn_internal.is_off_time(new.imported_at, new.imported_at))
  execute function learn_internal.refuse_times('imported_at');

create or replace trigger refuse_new_times
  before update of imported_at on learn.imported_challenge_progress
  for each row
  when (new.imported_at is distinct from old.imported_at and learn_internal.is_off_time(new.imported_at, new.imported_at))
  execute function learn_internal.refuse_times('imported_at');

-- When it was imported stays: what follows is dated by it.
-- Errors: LX009.
create or replace trigger results_stay
  after update of imported_at on learn.imported_challenge_progress
  for each row when (old.imported_at <> new.imported_at)
  execute function learn_internal.refuse_change();

-- triggers/catalog/course_prerequisites.sql

-- What happens when rows of learn.course_prerequisites are written, in the order in which triggers fire.
-- Errors: LX012.

-- When prerequisites of courses change: this blocks learners.
create or replace trigger course_prerequisites_change
  before insert or update or delete on learn.course_prerequisites
  for each statement
  execute function learn_internal.change_content();

-- When a course gets a prerequisite, required or recommended: no cycle.
create or replace trigger course_prerequisites_inserted
  after insert on learn.course_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('course_id', 'prerequisite_course_id');

-- When a course's prerequisite changes: no cycle.
create or replace trigger course_prerequisites_updated
  after update on learn.course_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('course_id', 'prerequisite_course_id');

-- triggers/catalog/track_prerequisites.sql

-- What happens when rows of learn.track_prerequisites are written, in the order in which triggers fire.
-- Errors: LX012.

-- When prerequisites of tracks change: this blocks learners.
create or replace trigger track_prerequisites_change
  before insert or update or delete on learn.track_prerequisites
  for each statement
  execute function learn_internal.change_content();

-- When a track gets a prerequisite: no cycle.
create or replace trigger track_prerequisites_inserted
  after insert on learn.track_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('track_id', 'prerequisite_track_id');

-- When a track's prerequisite changes: no cycle.
create or replace trigger track_prerequisites_updated
  after update on learn.track_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('track_id', 'prerequisite_track_id');

-- When prerequisites of tracks are written: no dead end by way of both kinds.
create or replace trigger track_prerequisites_wait
  after insert or update on learn.track_prerequisites
  for each statement
  execute function learn_internal.refuse_dead_ends();

reset role;
