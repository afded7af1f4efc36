-- Import of the progress that learners had in an older system.

set role learn_owner;

create table learn.old_progress_table (
  id               bigint generated always as identity primary key,
  user_id          uuid,
  problem_id       text,
  completed_levels integer[],
  total_xp         integer,
  imported_at      timestamptz,
  rejection        text
);
comment on table learn.old_progress_table is
  'Where progress of an older system is loaded, whatever it looks like, for import_old_progress(). '
  'Staging: no key to users, and to be emptied when the import is done.';
comment on column learn.old_progress_table.user_id is 'A user of learn.users.';
comment on column learn.old_progress_table.problem_id is 'Slug of a challenge.';
comment on column learn.old_progress_table.completed_levels is
  'Levels passed, of 1 to 5, in any order.';
comment on column learn.old_progress_table.total_xp is
  'XP that the user has for the challenge in all.';
comment on column learn.old_progress_table.imported_at is
  'When the row was imported as it is; filled in.';
comment on column learn.old_progress_table.rejection is
  'Why the row was not imported; filled in. Null: nothing is wrong with it.';
create index old_progress_table_user on learn.old_progress_table (user_id);
grant select on learn.old_progress_table to learn_app, learn_readonly;

create table learn.imported_challenge_progress (
  user_id          uuid not null references learn.users on delete cascade,
  challenge_id     bigint not null references learn.challenges on delete cascade,
  completed_levels integer[] not null default '{}',
  total_xp         integer not null default 0,
  imported_at      timestamptz not null default learn.clock(),
  primary key (user_id, challenge_id),
  constraint completed_levels_are_levels check (completed_levels <@ '{1,2,3,4,5}'),
  constraint total_xp_is_not_negative check (total_xp >= 0)
);
comment on table learn.imported_challenge_progress is
  'Progress in challenges that users brought from an older system. A row that is written counts '
  'as if the levels had been passed, and pays its XP, but makes no day active. It may grow, '
  'not shrink.';
comment on column learn.imported_challenge_progress.total_xp is
  'XP in all; when it grows, the difference is paid.';
create index imported_challenge_progress_challenge
  on learn.imported_challenge_progress (challenge_id, user_id);
grant select on learn.imported_challenge_progress to learn_app, learn_readonly;

-- functions/challenges/write_past_facts.sql

-- Writes facts of the past to the log: they count like others, but pay only what they carry
-- and make no day active. One that happens once and that was recorded from outside already
-- is left out.
create or replace function learn_internal.write_past_facts(p_facts learn_internal.fact[])
returns void
language sql
volatile
set search_path = ''
as $$
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, is_qualifying)
  select f.user_id, f.activity_type, f.subject_type, f.subject_id,
    coalesce(f.properties, '{}'), coalesce(f.xp, 0), f.occurred_at,
    (f.occurred_at at time zone u.timezone)::date, false
  from unnest(p_facts) with ordinality
    f(user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at, position)
  join learn.users u on u.id = f.user_id
  join learn.activity_types t on t.key = f.activity_type
  where not t.happens_once or not exists (
    select from learn_internal.recorded_subjects r
    where r.user_id = f.user_id and r.activity_type = f.activity_type
      and r.subject_type = f.subject_type and r.subject_id = f.subject_id)
  order by f.position;
$$;
comment on function learn_internal.write_past_facts(learn_internal.fact[]) is
  'Writes facts that pay only what they carry and make no day active, in the given order.';
revoke all on function learn_internal.write_past_facts(learn_internal.fact[]) from public;

-- functions/challenges/apply_imports.sql

-- Lets imported progress count, parallel arrays of rows of imported_challenge_progress with the XP
-- to pay for each: levels and challenges are completed, the tracks, paths and difficulties that
-- this fills too, and what comes next is unlocked. All of it counts for metrics and achievements;
-- XP is paid for the rows alone, with the source `import`, so that totals are those of the older
-- system. (Achievements that this earns pay their own.)
create or replace function learn_internal.apply_imports(
  p_user_ids uuid[], p_challenge_ids bigint[], p_xp integer[]
)
returns void
language plpgsql
volatile
set search_path = ''
as $$
declare
  v_facts     learn_internal.fact[];
  v_completed learn_internal.fact[];
  v_track_ids bigint[];
  v_quiet     text := coalesce(current_setting('learn.quiet', true), '');
begin
  perform set_config('learn.quiet', 'on', true);  -- nobody is notified
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;

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
  ) p
) c;
comment on view learn_internal.old_progress_rows is
  'The rows of old_progress_table, with why each cannot be imported.';

-- functions/challenges/import_old_progress.sql

-- Imports the rows of learn.old_progress_table and counts them: imported (new, or grown since),
-- unchanged, and rejected. A rejected row stays, with its reason; corrected, it is imported by the
-- next run. Running again pays nothing twice; of a row that has grown the difference is paid.
-- Imports make no day active and notify nobody.
create or replace function learn.import_old_progress()
returns table (imported bigint, unchanged bigint, rejected bigint)
language plpgsql
volatile
security definer
set search_path = ''
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
revoke all on function learn.import_old_progress() from public;

-- triggers/challenges/imported_progress_deleted.sql

-- When imported progress is deleted, alone or with its challenge: what is left is recounted from
-- the attempts. What it paid stays paid.
create or replace trigger imported_progress_deleted
  after delete on learn.imported_challenge_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.level_attempts_deleted();
comment on trigger imported_progress_deleted on learn.imported_challenge_progress is
  'Recounts progress.';

-- triggers/challenges/imported_progress_hold.sql

-- Before imported progress is written: content is held.
create or replace trigger imported_progress_hold
  before insert or update on learn.imported_challenge_progress
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger imported_progress_hold on learn.imported_challenge_progress is
  'Keeps content as it is.';

-- triggers/challenges/imported_progress_inserted.sql

-- When imported progress is written: it counts and pays.
create or replace function learn_internal.imported_progress_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
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
revoke all on function learn_internal.imported_progress_inserted() from public;

create or replace trigger imported_progress_inserted
  after insert on learn.imported_challenge_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.imported_progress_inserted();
comment on trigger imported_progress_inserted on learn.imported_challenge_progress is
  'Imported progress counts and pays.';

-- triggers/challenges/imported_progress_updated.sql

-- When imported progress grows: new levels count, and the difference in XP is paid. It does not
-- shrink.
-- Errors: LX001 fewer levels, less XP, or another user or challenge.
create or replace function learn_internal.imported_progress_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_bad record;
begin
  select n.* into v_bad
  from new_rows n
  left join old_rows o on o.user_id = n.user_id and o.challenge_id = n.challenge_id
  where o.user_id is null or not o.completed_levels <@ n.completed_levels
    or n.total_xp < o.total_xp
  limit 1;
  if found then
    raise exception 'imported progress does not shrink'
      using errcode = 'LX001',
        detail = format('user_id = %s, challenge_id = %s: levels %s, %s XP',
          v_bad.user_id, v_bad.challenge_id, v_bad.completed_levels, v_bad.total_xp),
        hint = 'What was paid is in the ledger: learn.reverse_xp() takes it back.';
  end if;
  perform learn_internal.apply_imports(
    array_agg(n.user_id), array_agg(n.challenge_id), array_agg(n.total_xp - o.total_xp))
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.challenge_id = n.challenge_id
  where (n.completed_levels, n.total_xp) <> (o.completed_levels, o.total_xp)
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.imported_progress_updated() is
  'Statement trigger: what imported progress grew by counts and is paid; '
  'it does not shrink (LX001).';
revoke all on function learn_internal.imported_progress_updated() from public;

create or replace trigger imported_progress_updated
  after update on learn.imported_challenge_progress
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.imported_progress_updated();
comment on trigger imported_progress_updated on learn.imported_challenge_progress is
  'What it grew by counts and is paid (LX001 when it shrinks).';

reset role;
