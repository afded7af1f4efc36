-- progress and catalog: what a completed lesson does to tracks, paths and difficulties,
-- and what a change of content does to everybody's progress.

set role learn_owner;

create type learn_internal.fact as (
  user_id       uuid,
  activity_type text,
  subject_type  text,
  subject_id    text,
  properties    jsonb,
  xp            integer,
  occurred_at   timestamptz
);
comment on type learn_internal.fact is 'A fact before it is written to learn.activity_log.';

create type learn_internal.lesson_event as (user_id uuid, lesson_id bigint, at timestamptz);
comment on type learn_internal.lesson_event is 'What happened to a user''s lesson, and when.';

create type learn_internal.completion as (
  user_id       uuid,
  lesson_id     bigint,
  completed_at  timestamptz,
  started_at    timestamptz,
  score         numeric,
  has_exercises boolean,
  is_first_try  boolean,
  is_flawless   boolean,
  is_clean      boolean,
  activity_type text
);
comment on type learn_internal.completion is
  'A lesson that a user has just completed, how its exercises were solved, and the fact to write.';

-- views/catalog/track_items.sql
-- What a track is made of, whatever kind of item: the one definition. Only published items count,
-- and a track counts whether published or not (an unpublished one keeps its learners' numbers
-- right for the day it comes back).
create or replace view learn_internal.track_items as
select tl.track_id, 'lesson' as item_type, tl.lesson_id as item_id
from learn.track_lessons tl
join learn.lessons l on l.id = tl.lesson_id
where l.is_published;
comment on view learn_internal.track_items is
  'The published items of each track: what there is to complete.';

-- views/progress/completed_items.sql
-- What users have completed, whatever kind of item: the other half of the definition
-- of a track's progress.
create or replace view learn_internal.completed_items as
select p.user_id, 'lesson' as item_type, p.lesson_id as item_id, p.completed_at
from learn.user_lesson_progress p
where p.completed_at is not null;
comment on view learn_internal.completed_items is 'The items of tracks that users have completed.';

-- views/progress/track_sizes.sql
-- How many published items each track has; no row for a track without any.
create or replace view learn_internal.track_sizes as
select i.track_id, count(*)::integer as total_items
from learn_internal.track_items i
group by i.track_id;
comment on view learn_internal.track_sizes is 'Number of published items per track.';

-- views/progress/track_recounts.sql
-- Progress in tracks recounted from what users have completed: what user_track_progress must say.
create or replace view learn_internal.track_recounts as
select c.user_id, i.track_id, count(*)::integer as items_completed,
  max(c.completed_at) as last_completed_at
from learn_internal.track_items i
join learn_internal.completed_items c on c.item_type = i.item_type and c.item_id = i.item_id
group by c.user_id, i.track_id;
comment on view learn_internal.track_recounts is 'Items completed per user and track, recounted.';

-- views/progress/path_sizes.sql
-- How many published tracks with something in them each learning path has;
-- no row for a path without any.
create or replace view learn_internal.path_sizes as
select pt.path_id, count(*)::integer as total_tracks
from learn.learning_path_tracks pt
join learn.tracks t on t.id = pt.track_id
join learn_internal.track_sizes s on s.track_id = pt.track_id
where t.is_published
group by pt.path_id;
comment on view learn_internal.path_sizes is 'Number of published tracks per learning path.';

-- views/progress/path_recounts.sql
-- Progress in learning paths recounted from completed tracks: what user_path_progress must say.
create or replace view learn_internal.path_recounts as
select p.user_id, pt.path_id, count(*)::integer as tracks_completed,
  max(p.completed_at) as last_completed_at
from learn.learning_path_tracks pt
join learn.tracks t on t.id = pt.track_id
join learn_internal.track_sizes s on s.track_id = pt.track_id
join learn.user_track_progress p on p.track_id = pt.track_id
where t.is_published and p.completed_at is not null
group by p.user_id, pt.path_id;
comment on view learn_internal.path_recounts is 'Tracks completed per user and path, recounted.';

-- views/progress/difficulty_recounts.sql
-- Difficulties of which users have completed every published track that has something in it,
-- at least one.
create or replace view learn_internal.difficulty_recounts as
select p.user_id, t.difficulty, max(p.completed_at) as last_completed_at
from learn.tracks t
join learn_internal.track_sizes s on s.track_id = t.id
join learn.user_track_progress p on p.track_id = t.id and p.completed_at is not null
where t.is_published
group by p.user_id, t.difficulty
having count(*) = (
  select count(*)
  from learn.tracks a
  join learn_internal.track_sizes b on b.track_id = a.id
  where a.is_published and a.difficulty = t.difficulty);
comment on view learn_internal.difficulty_recounts is
  'Difficulties whose published tracks a user has all completed.';

-- functions/activity/write_facts.sql
-- Writes facts to the log, with the local date of each and whether it makes the day active.
-- One that happens once and that was recorded from outside already is left out.
create or replace function learn_internal.write_facts(
  p_facts learn_internal.fact[], p_idempotency_key text default null
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, is_qualifying, idempotency_key)
  select f.user_id, f.activity_type, f.subject_type, f.subject_id,
    coalesce(f.properties, '{}'), f.xp, f.occurred_at,
    (f.occurred_at at time zone u.timezone)::date, t.is_qualifying, p_idempotency_key
  from unnest(p_facts) with ordinality
    f(user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at, position)
  join learn.users u on u.id = f.user_id
  join learn.activity_types t on t.key = f.activity_type
  where not t.happens_once or not exists (
    select from learn_internal.recorded_subjects r
    where r.user_id = f.user_id and r.activity_type = f.activity_type
      and r.subject_type = f.subject_type and r.subject_id = f.subject_id)
  order by f.position;
end;
$$;
comment on function learn_internal.write_facts(learn_internal.fact[], text) is
  'Writes facts to the log, in the given order.';
revoke all on function learn_internal.write_facts(learn_internal.fact[], text) from public;

-- functions/progress/refresh_paths.sql
-- Recounts learning paths for users. Returns the facts to write: the paths that this completes.
create or replace function learn_internal.refresh_paths(p_user_ids uuid[], p_path_ids bigint[])
returns setof learn_internal.fact
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  with recounted as (
    select u.user_id, s.path_id, coalesce(r.tracks_completed, 0) as tracks_completed,
      s.total_tracks, s.is_published, r.last_completed_at
    from (select distinct d.user_id from unnest(p_user_ids) d(user_id)) u
    cross join (
      select p.id as path_id, coalesce(z.total_tracks, 0) as total_tracks, p.is_published
      from learn.learning_paths p
      left join learn_internal.path_sizes z on z.path_id = p.id
      where p.id = any (p_path_ids)
    ) s
    left join learn_internal.path_recounts r on r.user_id = u.user_id and r.path_id = s.path_id
    where r.user_id is not null or exists (
      select from learn.user_path_progress e where e.user_id = u.user_id and e.path_id = s.path_id)
  ), earlier as (
    select e.user_id, e.path_id
    from learn.user_path_progress e
    join recounted r on r.user_id = e.user_id and r.path_id = e.path_id
    where e.completed_at is not null
  ), saved as (
    insert into learn.user_path_progress as p
      (user_id, path_id, tracks_completed, total_tracks, completed_at)
    select r.user_id, r.path_id, r.tracks_completed, r.total_tracks,
      case when r.is_published and r.total_tracks > 0 and r.tracks_completed = r.total_tracks
        then r.last_completed_at end
    from recounted r
    order by r.user_id, r.path_id
    on conflict (user_id, path_id) do update
      set tracks_completed = excluded.tracks_completed,
        total_tracks = excluded.total_tracks,
        completed_at = coalesce(p.completed_at, excluded.completed_at)
    returning p.user_id, p.path_id, p.completed_at
  )
  select s.user_id, 'path_completed', 'path', s.path_id::text,
    jsonb_build_object('slug', p.slug), null::integer, s.completed_at
  from saved s
  join learn.learning_paths p on p.id = s.path_id
  where s.completed_at is not null
    and not exists (select from earlier e where e.user_id = s.user_id and e.path_id = s.path_id)
  order by s.user_id, s.completed_at, s.path_id;
$$;
comment on function learn_internal.refresh_paths(uuid[], bigint[]) is
  'Recounts learning paths for users; returns the facts to write for the ones that this completes.';
revoke all on function learn_internal.refresh_paths(uuid[], bigint[]) from public;

-- functions/progress/refresh_difficulties.sql
-- Notes the difficulties that users have completed by now. Returns the facts to write.
create or replace function learn_internal.refresh_difficulties(
  p_user_ids uuid[], p_difficulties text[]
)
returns setof learn_internal.fact
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  with saved as (
    insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
    select r.user_id, r.difficulty, r.last_completed_at
    from learn_internal.difficulty_recounts r
    where r.user_id = any (p_user_ids) and r.difficulty = any (p_difficulties)
    order by r.user_id, r.difficulty
    on conflict do nothing
    returning user_id, difficulty, completed_at
  )
  select s.user_id, 'difficulty_completed', 'difficulty', s.difficulty,
    jsonb_build_object('difficulty', s.difficulty), null::integer, s.completed_at
  from saved s
  order by s.user_id, s.completed_at, s.difficulty;
$$;
comment on function learn_internal.refresh_difficulties(uuid[], text[]) is
  'Notes the difficulties that users have completed by now; returns the facts to write.';
revoke all on function learn_internal.refresh_difficulties(uuid[], text[]) from public;

-- functions/progress/complete_tracks.sql
-- Marks tracks as completed for users and follows up: learning paths and difficulties.
-- Takes parallel arrays of rows of user_track_progress that have just reached their total.
-- What it completes is written to the log.
create or replace function learn_internal.complete_tracks(
  p_user_ids uuid[], p_track_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
as $$
declare
  v_facts learn_internal.fact[];
begin
  with completed as (
    update learn.user_track_progress p
    set completed_at = c.at
    from unnest(p_user_ids, p_track_ids, p_at) c(user_id, track_id, at)
    where p.user_id = c.user_id and p.track_id = c.track_id
    returning p.user_id, p.track_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'track_completed', 'track', c.track_id::text,
      jsonb_build_object('difficulty', t.difficulty, 'slug', t.slug), t.completion_xp,
      c.completed_at)::learn_internal.fact
    order by c.user_id, c.completed_at, c.track_id)
  into v_facts
  from completed c
  join learn.tracks t on t.id = c.track_id;
  perform learn_internal.write_facts(v_facts);

  select array_agg(f::learn_internal.fact) into v_facts
  from (
    select p.* from learn_internal.refresh_paths(p_user_ids, (
      select array_agg(distinct pt.path_id) from learn.learning_path_tracks pt
      where pt.track_id = any (p_track_ids))) p
    union all
    select d.* from learn_internal.refresh_difficulties(p_user_ids, (
      select array_agg(distinct t.difficulty) from learn.tracks t where t.id = any (p_track_ids))) d
  ) f;
  if v_facts is not null then
    perform learn_internal.write_facts(v_facts);
  end if;
end;
$$;
comment on function learn_internal.complete_tracks(uuid[], bigint[], timestamptz[]) is
  'Completes tracks for users, then the paths and difficulties that this completes; '
  'and writes the facts.';
revoke all on function learn_internal.complete_tracks(uuid[], bigint[], timestamptz[]) from public;

-- functions/progress/begin_tracks.sql
-- Counts what there is to complete in tracks that users seem to have filled (the first two arrays),
-- and notes it with those that they have only begun. Returns the published ones that are full,
-- and when the last of the items that were completed now (the other arrays) was.
create or replace function learn_internal.begin_tracks(
  p_user_ids uuid[], p_track_ids bigint[],
  p_item_user_ids uuid[], p_item_type text, p_item_ids bigint[], p_at timestamptz[]
)
returns table (user_id uuid, track_id bigint, at timestamptz)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
as $$
begin
  return query
  with begun as (
    update learn.user_track_progress p
    set total_items = z.total_items
    from unnest(p_user_ids, p_track_ids) g(user_id, track_id)
    join (
      select i.track_id, count(*)::integer as total_items
      from learn_internal.track_items i
      where i.track_id = any (p_track_ids)
      group by i.track_id
    ) z on z.track_id = g.track_id
    where p.user_id = g.user_id and p.track_id = g.track_id and p.total_items <> z.total_items
    returning p.user_id, p.track_id
  )
  select c.user_id, i.track_id, max(c.at)
  from unnest(p_item_user_ids, p_item_ids, p_at) c(user_id, item_id, at)
  join learn_internal.track_items i on i.item_type = p_item_type and i.item_id = c.item_id
  join unnest(p_user_ids, p_track_ids) g(user_id, track_id)
    on g.user_id = c.user_id and g.track_id = i.track_id
  join learn.tracks t on t.id = i.track_id and t.is_published
  where not exists (
    select from begun b where b.user_id = c.user_id and b.track_id = i.track_id)
  group by c.user_id, i.track_id;
end;
$$;
comment on function learn_internal.begin_tracks(
  uuid[], bigint[], uuid[], text, bigint[], timestamptz[]) is
  'Counts what there is to complete in tracks that users have begun; returns those that are full.';
revoke all on function learn_internal.begin_tracks(
  uuid[], bigint[], uuid[], text, bigint[], timestamptz[]) from public;

-- functions/progress/advance_tracks.sql
-- Counts newly completed items towards the tracks that contain them.
-- Takes parallel arrays of completions that were not completed before. Increments,
-- so that a completion costs the same in a track of five items and of five thousand.
-- Completes the tracks, paths and difficulties that this fills.
create or replace function learn_internal.advance_tracks(
  p_user_ids uuid[], p_item_type text, p_item_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off  -- one user's rows by key, never a table's: see docs/engine.md
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
  v_at        timestamptz[];
begin
  -- A first item of a track makes the row, which knows of no more items than these: so it claims
  -- to be full, like one that is.
  with counted as (
    insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items)
    select c.user_id, i.track_id, count(*)::integer, count(*)::integer
    from unnest(p_user_ids, p_item_ids) c(user_id, item_id)
    join learn_internal.track_items i on i.item_type = p_item_type and i.item_id = c.item_id
    group by c.user_id, i.track_id
    on conflict (user_id, track_id) do update
      set items_completed = p.items_completed + excluded.items_completed
    returning p.user_id, p.track_id,
      p.items_completed = p.total_items and p.completed_at is null as is_full
  )
  select array_agg(c.user_id), array_agg(c.track_id) into v_user_ids, v_track_ids
  from counted c
  where c.is_full;
  if v_user_ids is null then
    return;
  end if;

  -- What there is to complete is counted then, and kept by refresh_tracks().
  select array_agg(b.user_id), array_agg(b.track_id), array_agg(b.at)
  into v_user_ids, v_track_ids, v_at
  from learn_internal.begin_tracks(
    v_user_ids, v_track_ids, p_user_ids, p_item_type, p_item_ids, p_at) b;
  if v_user_ids is not null then
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.advance_tracks(uuid[], text, bigint[], timestamptz[]) is
  'Counts newly completed items towards their tracks.';
revoke all on function learn_internal.advance_tracks(uuid[], text, bigint[], timestamptz[])
  from public;

-- functions/progress/recount_tracks.sql
-- Recounts tracks for users, whose stats rows the caller has locked, and completes
-- the tracks that are complete by now.
create or replace function learn_internal.recount_tracks(p_user_ids uuid[], p_track_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
  v_at        timestamptz[];
begin
  with recounted as (
    select u.user_id, s.track_id, coalesce(r.items_completed, 0) as items_completed,
      s.total_items, r.last_completed_at
    from (select distinct d.user_id from unnest(p_user_ids) d(user_id)) u
    cross join (
      select t.id as track_id, coalesce(z.total_items, 0) as total_items
      from learn.tracks t
      left join learn_internal.track_sizes z on z.track_id = t.id
      where t.id = any (p_track_ids)
    ) s
    left join learn_internal.track_recounts r on r.user_id = u.user_id and r.track_id = s.track_id
    where r.user_id is not null or exists (
      select from learn.user_track_progress e
      where e.user_id = u.user_id and e.track_id = s.track_id)
  ), saved as (
    insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items)
    select r.user_id, r.track_id, r.items_completed, r.total_items
    from recounted r
    order by r.user_id, r.track_id
    on conflict (user_id, track_id) do update
      set items_completed = excluded.items_completed, total_items = excluded.total_items
    returning p.user_id, p.track_id, p.items_completed, p.total_items, p.completed_at
  )
  select array_agg(s.user_id), array_agg(s.track_id), array_agg(r.last_completed_at)
  into v_user_ids, v_track_ids, v_at
  from saved s
  join recounted r on r.user_id = s.user_id and r.track_id = s.track_id
  join learn.tracks t on t.id = s.track_id and t.is_published
  where s.total_items > 0 and s.items_completed = s.total_items and s.completed_at is null;

  if v_user_ids is not null then
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.recount_tracks(uuid[], bigint[]) is
  'Recounts tracks for users and completes those that are complete by now.';
revoke all on function learn_internal.recount_tracks(uuid[], bigint[]) from public;

-- functions/progress/refresh_goals.sql
-- After a change of content: recounts learning paths and difficulties for everybody
-- who has completed a track of them.
create or replace function learn_internal.refresh_goals(p_path_ids bigint[], p_difficulties text[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
  v_facts    learn_internal.fact[];
begin
  select array_agg(l.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select p.user_id from learn.user_path_progress p where p.path_id = any (p_path_ids)
      union
      select r.user_id from learn_internal.path_recounts r where r.path_id = any (p_path_ids)
      union
      select r.user_id from learn_internal.difficulty_recounts r
      where r.difficulty = any (p_difficulties))
    order by s.user_id
    for no key update
  ) l;
  if v_user_ids is null then
    return;
  end if;

  select array_agg(f::learn_internal.fact) into v_facts
  from (
    select p.* from learn_internal.refresh_paths(v_user_ids, p_path_ids) p
    union all
    select d.* from learn_internal.refresh_difficulties(v_user_ids, p_difficulties) d
  ) f;
  perform learn_internal.write_facts(v_facts);
end;
$$;
comment on function learn_internal.refresh_goals(bigint[], text[]) is
  'Recounts learning paths and difficulties for everybody concerned, after a change of content.';
revoke all on function learn_internal.refresh_goals(bigint[], text[]) from public;

-- functions/progress/refresh_tracks.sql
-- After a change of content: recounts tracks for everybody who has begun one.
-- Percentages are live, completions sticky. A learner who has by now completed all that is left
-- of a published track completes it.
create or replace function learn_internal.refresh_tracks(p_track_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
begin
  select array_agg(l.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select p.user_id from learn.user_track_progress p where p.track_id = any (p_track_ids)
      union
      select r.user_id from learn_internal.track_recounts r where r.track_id = any (p_track_ids))
    order by s.user_id
    for no key update
  ) l;

  if v_user_ids is not null then
    perform learn_internal.recount_tracks(v_user_ids, p_track_ids);
  end if;

  -- A track that is new, gone, empty, or no longer published changes what its paths
  -- and its difficulty ask for.
  perform learn_internal.refresh_goals(
    (select array_agg(distinct pt.path_id) from learn.learning_path_tracks pt
      where pt.track_id = any (p_track_ids)),
    (select array_agg(distinct t.difficulty) from learn.tracks t where t.id = any (p_track_ids)));
end;
$$;
comment on function learn_internal.refresh_tracks(bigint[]) is
  'Recounts tracks, and what follows from them, for everybody concerned, '
  'after a change of content.';
revoke all on function learn_internal.refresh_tracks(bigint[]) from public;

-- functions/progress/apply_lesson_completions.sql
-- What completing lessons causes. Takes rows of user_lesson_progress that have just become
-- completed, three of their columns as parallel arrays, whether any was started before, and whether
-- any score is 100. One array of rows for the statement that reads all columns: an array more
-- in unnest() costs more than a column more in a row.
create or replace function learn_internal.apply_lesson_completions(
  p_completions learn_internal.completion[],
  p_user_ids uuid[], p_lesson_ids bigint[], p_at timestamptz[],
  p_were_started boolean, p_have_full_score boolean
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off  -- one user's rows by key, never a table's: see docs/engine.md
as $$
declare
  v_completions   learn_internal.completion[] := p_completions;
  v_fast_seconds  interval;
  v_now           timestamptz;
  v_has_recorded  boolean;
  v_has_any       boolean;             -- exercises
  v_pays          integer;             -- what lesson_completed does
  v_is_qualifying boolean;
  v_is_perfect_qualifying boolean;
  v_recorded      jsonb;               -- facts recorded from outside already: type, user, lesson
begin
  -- The users first, in key order: everything else of theirs comes after this lock.
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;

  -- What is the same for all; the time as learn.clock() tells it, without the price of a call
  select t.pays, t.is_qualifying,
    coalesce((select o.now_is from learn_internal.clock_override o), now()),
    exists (select from learn_internal.recorded_subjects r where r.user_id = any (p_user_ids)),
    exists (
      select from learn.exercises e where e.lesson_id = any (p_lesson_ids) and e.is_published)
  into v_pays, v_is_qualifying, v_now, v_has_recorded, v_has_any
  from learn.activity_types t
  where t.key = 'lesson_completed';
  if p_were_started then
    select (s.value #>> '{}')::numeric * interval '1 second' into v_fast_seconds
    from learn.platform_settings s
    where s.key = 'speed_runner_seconds';
  end if;
  if v_has_recorded then
    select jsonb_object_agg(format('%s %s %s', r.activity_type, r.user_id, r.subject_id), true)
    into v_recorded
    from unnest(p_user_ids, p_lesson_ids) c(user_id, lesson_id)
    join learn_internal.recorded_subjects r
      on r.user_id = c.user_id and r.activity_type in ('lesson_completed', 'lesson_perfect')
        and r.subject_type = 'lesson' and r.subject_id = c.lesson_id::text;
  end if;

  if v_has_any then
    -- How the exercises of each lesson were solved; null where a lesson has none
    select array_agg((c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
      c.exercises > 0, c.first_tries = c.exercises, c.wrong = 0, c.failed = 0,
      'lesson_completed')::learn_internal.completion order by c.position)
    into v_completions
    from (
      select c.position, c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
        count(e.id) as exercises,
        count(*) filter (where x.is_first_try) as first_tries,
        coalesce(sum(x.wrong_submissions), 0) as wrong,
        coalesce(sum(x.failed_submissions), 0) as failed
      from unnest(p_completions) with ordinality c(user_id, lesson_id, completed_at, started_at,
        score, has_exercises, is_first_try, is_flawless, is_clean, activity_type, position)
      left join learn.exercises e on e.lesson_id = c.lesson_id and e.is_published
      left join learn.user_exercise_progress x
        on x.user_id = c.user_id and x.exercise_id = e.id
      group by c.position, c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score
    ) c;
  end if;
  -- A lesson without a fault is a fact more.
  if p_have_full_score or v_has_any then
    select t.is_qualifying into v_is_perfect_qualifying
    from learn.activity_types t
    where t.key = 'lesson_perfect';
    v_completions := array(
      select (c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score, c.has_exercises,
        c.is_first_try, c.is_flawless, c.is_clean, f.activity_type)::learn_internal.completion
      from unnest(v_completions) with ordinality c(user_id, lesson_id, completed_at, started_at,
        score, has_exercises, is_first_try, is_flawless, is_clean, activity_type, position)
      cross join lateral (
        values ('lesson_completed', true),
          ('lesson_perfect', case when c.has_exercises then c.is_first_try else c.score = 100 end)
      ) f(activity_type, is_due)
      where f.is_due
      order by c.position, f.activity_type);
  end if;

  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at,
     local_date, is_qualifying, recorded_at)
  select p.user_id, p.activity_type, 'lesson', p.lesson_id::text,
    case when p.activity_type = 'lesson_perfect' then '{}'
      else jsonb_build_object('slug', l.slug, 'has_exercises', coalesce(p.has_exercises, false),
          'is_fast', coalesce(p.completed_at >= p.started_at
            and p.completed_at < p.started_at + v_fast_seconds, false))
        || case when p.has_exercises then jsonb_build_object(
          'is_clean', p.is_clean, 'is_first_try', p.is_first_try,
          'is_flawless', p.is_flawless) else '{}' end
    end,
    case when p.activity_type = 'lesson_completed' then
      round(coalesce(l.xp_reward, v_pays, 0) * coalesce(d.xp_multiplier, 1))::integer
    end,
    p.completed_at, (p.completed_at at time zone u.timezone)::date,
    case when p.activity_type = 'lesson_perfect' then v_is_perfect_qualifying
      else v_is_qualifying end,
    v_now
  from unnest(v_completions) p
  join learn.users u on u.id = p.user_id
  join learn.lessons l on l.id = p.lesson_id
  left join learn.difficulties d on d.key = l.difficulty
  -- recorded from outside already: paid
  where v_recorded is null
    or not v_recorded ? format('%s %s %s', p.activity_type, p.user_id, p.lesson_id);

  perform learn_internal.advance_tracks(p_user_ids, 'lesson', p_lesson_ids, p_at);
end;
$$;
comment on function learn_internal.apply_lesson_completions(
  learn_internal.completion[], uuid[], bigint[], timestamptz[], boolean, boolean) is
  'Writes the facts of newly completed lessons, and moves their tracks.';
revoke all on function learn_internal.apply_lesson_completions(
  learn_internal.completion[], uuid[], bigint[], timestamptz[], boolean, boolean) from public;

-- functions/progress/write_lesson_starts.sql
-- Writes the facts of newly started lessons.
create or replace function learn_internal.write_lesson_starts(
  p_starts learn_internal.lesson_event[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from learn.user_stats s
  where s.user_id in (select e.user_id from unnest(p_starts) e)
  order by s.user_id
  for no key update;
  perform learn_internal.write_facts(array_agg(
    (e.user_id, 'lesson_started', 'lesson', e.lesson_id::text, '{}',
      null, e.at)::learn_internal.fact
    order by e.user_id, e.at, e.lesson_id))
  from unnest(p_starts) e;
end;
$$;
comment on function learn_internal.write_lesson_starts(learn_internal.lesson_event[]) is
  'Writes lesson_started facts.';
revoke all on function learn_internal.write_lesson_starts(learn_internal.lesson_event[])
  from public;

-- functions/catalog/refuse_cycle.sql
-- Edge tables of prerequisites: an edge that closes a cycle is refused, with the cycle in DETAIL.
-- Arguments of the trigger: the column of the dependent and the column of its prerequisite.
-- Two edges written at the same time, each harmless alone, wait for each other here.
-- Errors: LX012.
create or replace function learn_internal.refuse_cycle()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_cycle text;
begin
  -- One writer of this table's edges at a time, so that the check sees all there are.
  perform pg_advisory_xact_lock(tg_relid::integer, 1);
  execute format(
    $query$
      with recursive walk(start, node, path) as (
        select n.%1$I, n.%2$I, array[n.%1$I, n.%2$I] from new_edges n
        union all
        select w.start, e.%2$I, w.path || e.%2$I
        from walk w
        join %3$s e on e.%1$I = w.node
        where w.node <> w.start and not e.%2$I = any (w.path[2:])
      )
      select array_to_string(w.path, ' → ') from walk w where w.node = w.start limit 1
    $query$, tg_argv[0], tg_argv[1], tg_relid::regclass)
  into v_cycle;
  if v_cycle is not null then
    raise exception 'prerequisites would form a cycle'
      using errcode = 'LX012', detail = v_cycle, hint = 'Remove one of these prerequisites first.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.refuse_cycle() is
  'Statement trigger of prerequisite tables: refuses cycles (LX012). Arguments: '
  'dependent and prerequisite column.';
revoke all on function learn_internal.refuse_cycle() from public;

-- triggers/progress/date_completions.sql
-- When lesson progress is written by hand: status and date agree, and a completion stays.
-- Errors: LX009 the change would take a completion away.
create or replace function learn_internal.date_completions()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' and old.completed_at is not null then
    if new.status <> 'completed' or new.completed_at is null then
      raise exception 'a completed lesson stays completed'
        using errcode = 'LX009',
          detail = format('user_id = %s, lesson_id = %s', old.user_id, old.lesson_id),
          hint = 'Completions are sticky; XP is taken back by learn.reverse_xp().';
    end if;
    new.completed_at := old.completed_at;
  elsif new.status = 'completed' and new.completed_at is null then
    new.completed_at := learn.clock();
  elsif new.completed_at is not null then
    new.status := 'completed';
  end if;
  return new;
end;
$$;
comment on function learn_internal.date_completions() is
  'Row trigger: a completed lesson has a date, and keeps it (LX009).';
revoke all on function learn_internal.date_completions() from public;

create or replace trigger date_completions
  before insert on learn.user_lesson_progress
  for each row
  when ((new.status = 'completed') <> (new.completed_at is not null))
  execute function learn_internal.date_completions();
comment on trigger date_completions on learn.user_lesson_progress is
  'Makes status and completed_at agree.';

create or replace trigger keep_completions
  before update on learn.user_lesson_progress
  for each row
  when ((new.status = 'completed') <> (new.completed_at is not null)
    or old.completed_at is not null and new.completed_at is distinct from old.completed_at)
  execute function learn_internal.date_completions();
comment on trigger keep_completions on learn.user_lesson_progress is
  'A completion is sticky (LX009).';

-- triggers/progress/derive_track_progress.sql
-- When track progress is written: status and percentage follow. A trigger and no generated columns,
-- because their expressions are read from text anew for every statement, which costs several times
-- as much.
create or replace function learn_internal.derive_track_progress()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  new.status := case when new.completed_at is not null then 'completed'
    when new.items_completed > 0 then 'in_progress' else 'not_started' end;
  new.progress_percentage := case when new.total_items = 0 then 0
    else round(100.0 * new.items_completed / new.total_items, 2) end;
  return new;
end;
$$;
comment on function learn_internal.derive_track_progress() is
  'Row trigger: status and percentage follow from the items of a track.';
revoke all on function learn_internal.derive_track_progress() from public;

create or replace trigger derive_track_progress
  before insert or update on learn.user_track_progress
  for each row
  execute function learn_internal.derive_track_progress();
comment on trigger derive_track_progress on learn.user_track_progress is
  'Status and percentage follow.';

-- triggers/progress/lesson_progress_inserted.sql
-- When lesson progress is written: started lessons are facts, and completed ones
-- pay and move their tracks.
create or replace function learn_internal.lesson_progress_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_completions learn_internal.completion[];
  v_user_ids    uuid[];
  v_lesson_ids  bigint[];
  v_at          timestamptz[];
  v_started     bigint;
  v_is_perfect  boolean;
begin
  select
    array_agg((n.user_id, n.lesson_id, n.completed_at, n.started_at, n.score,
      null, null, null, null, 'lesson_completed')::learn_internal.completion),
    array_agg(n.user_id), array_agg(n.lesson_id), array_agg(n.completed_at),
    count(n.started_at), bool_or(n.score = 100)
  into v_completions, v_user_ids, v_lesson_ids, v_at, v_started, v_is_perfect
  from new_rows n;
  if v_started > 0 then
    perform learn_internal.write_lesson_starts(
      array_agg((n.user_id, n.lesson_id, n.started_at)::learn_internal.lesson_event))
    from new_rows n
    where n.started_at is not null;
  end if;
  if array_position(v_at, null) is not null then
    select array_agg(c), array_agg(c.user_id), array_agg(c.lesson_id), array_agg(c.completed_at)
    into v_completions, v_user_ids, v_lesson_ids, v_at
    from unnest(v_completions) c
    where c.completed_at is not null;
  end if;
  if v_user_ids is not null then
    perform learn_internal.apply_lesson_completions(
      v_completions, v_user_ids, v_lesson_ids, v_at, v_started > 0, v_is_perfect);
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_inserted() is
  'Statement trigger: facts of started lessons; completed ones pay and move their tracks.';
revoke all on function learn_internal.lesson_progress_inserted() from public;

create or replace trigger lesson_progress_inserted
  after insert on learn.user_lesson_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.lesson_progress_inserted();
comment on trigger lesson_progress_inserted on learn.user_lesson_progress is
  'Started and completed lessons become facts.';

-- triggers/progress/lesson_progress_updated.sql
-- When lesson progress changes: what has become started or completed by the change
-- is treated like new rows.
create or replace function learn_internal.lesson_progress_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_completions learn_internal.completion[];
  v_user_ids    uuid[];
  v_lesson_ids  bigint[];
  v_at          timestamptz[];
  v_starts      learn_internal.lesson_event[];
  v_started     bigint;
  v_is_perfect  boolean;
begin
  if not exists (select from new_rows) then
    return null;
  end if;
  select
    array_agg((n.user_id, n.lesson_id, n.started_at)::learn_internal.lesson_event)
      filter (where n.started_at is not null and o.started_at is null),
    array_agg((n.user_id, n.lesson_id, n.completed_at, n.started_at, n.score,
      null, null, null, null, 'lesson_completed')::learn_internal.completion)
      filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.user_id) filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.lesson_id) filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.completed_at) filter (where n.completed_at is not null and o.completed_at is null),
    count(n.started_at), bool_or(n.score = 100)
  into v_starts, v_completions, v_user_ids, v_lesson_ids, v_at, v_started, v_is_perfect
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.lesson_id = n.lesson_id;
  if v_starts is not null then
    perform learn_internal.write_lesson_starts(v_starts);
  end if;
  if v_user_ids is not null then
    perform learn_internal.apply_lesson_completions(
      v_completions, v_user_ids, v_lesson_ids, v_at, v_started > 0, v_is_perfect);
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_updated() is
  'Statement trigger: lessons that a change has started or completed become facts.';
revoke all on function learn_internal.lesson_progress_updated() from public;

create or replace trigger lesson_progress_updated
  after update on learn.user_lesson_progress
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.lesson_progress_updated();
comment on trigger lesson_progress_updated on learn.user_lesson_progress is
  'Started and completed lessons become facts.';

-- triggers/progress/lesson_progress_deleted.sql
-- When lesson progress is deleted, alone or with its lesson: the tracks concerned are recounted.
create or replace function learn_internal.lesson_progress_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
begin
  select array_agg(distinct d.user_id), array_agg(distinct i.track_id) into v_user_ids, v_track_ids
  from deleted_rows d
  join learn_internal.track_items i on i.item_type = 'lesson' and i.item_id = d.lesson_id
  join learn.users u on u.id = d.user_id
  where d.completed_at is not null;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.recount_tracks(v_user_ids, v_track_ids);
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_deleted() is
  'Statement trigger: recounts the tracks of deleted lesson progress.';
revoke all on function learn_internal.lesson_progress_deleted() from public;

create or replace trigger lesson_progress_deleted
  after delete on learn.user_lesson_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.lesson_progress_deleted();
comment on trigger lesson_progress_deleted on learn.user_lesson_progress is 'Recounts tracks.';

-- triggers/progress/user_lesson_progress_hold.sql
-- Before lesson progress is written: content is held.
create or replace trigger user_lesson_progress_hold
  before insert or update on learn.user_lesson_progress
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger user_lesson_progress_hold on learn.user_lesson_progress is
  'Keeps content as it is.';

-- triggers/catalog/lessons_change.sql
-- When lessons are published, unpublished or deleted: learners wait.
create or replace trigger lessons_change
  before update of is_published or delete on learn.lessons
  for each statement
  execute function learn_internal.change_content();
comment on trigger lessons_change on learn.lessons is 'A change has learners wait.';

-- triggers/catalog/tracks_change.sql
-- When tracks change in what they count for: learners wait.
create or replace trigger tracks_change
  before update of is_published, difficulty or delete on learn.tracks
  for each statement
  execute function learn_internal.change_content();
comment on trigger tracks_change on learn.tracks is 'A change has learners wait.';

-- triggers/catalog/learning_paths_change.sql
-- When learning paths are published, unpublished or deleted: learners wait.
create or replace trigger learning_paths_change
  before update of is_published or delete on learn.learning_paths
  for each statement
  execute function learn_internal.change_content();
comment on trigger learning_paths_change on learn.learning_paths is 'A change has learners wait.';

-- triggers/catalog/track_lessons_change.sql
-- When the lessons of tracks change: learners wait.
create or replace trigger track_lessons_change
  before insert or update or delete on learn.track_lessons
  for each statement
  execute function learn_internal.change_content();
comment on trigger track_lessons_change on learn.track_lessons is 'A change has learners wait.';

-- triggers/catalog/learning_path_tracks_change.sql
-- When the tracks of learning paths change: learners wait.
create or replace trigger learning_path_tracks_change
  before insert or update or delete on learn.learning_path_tracks
  for each statement
  execute function learn_internal.change_content();
comment on trigger learning_path_tracks_change on learn.learning_path_tracks is
  'A change has learners wait.';

-- triggers/catalog/track_prerequisites_change.sql
-- When prerequisites of tracks change: learners wait.
create or replace trigger track_prerequisites_change
  before insert or update or delete on learn.track_prerequisites
  for each statement
  execute function learn_internal.change_content();
comment on trigger track_prerequisites_change on learn.track_prerequisites is
  'A change has learners wait.';

-- triggers/catalog/track_prerequisites_inserted.sql
-- When a track gets a prerequisite: no cycle.
create or replace trigger track_prerequisites_inserted
  after insert on learn.track_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('track_id', 'prerequisite_track_id');
comment on trigger track_prerequisites_inserted on learn.track_prerequisites is
  'Refuses a cycle (LX012).';

-- triggers/catalog/track_prerequisites_updated.sql
-- When a track's prerequisite changes: no cycle.
create or replace trigger track_prerequisites_updated
  after update on learn.track_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('track_id', 'prerequisite_track_id');
comment on trigger track_prerequisites_updated on learn.track_prerequisites is
  'Refuses a cycle (LX012).';

-- triggers/catalog/track_lessons_inserted.sql
-- When lessons are put into tracks: learners' percentages follow.
create or replace function learn_internal.track_lessons_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct n.track_id))
  from new_rows n having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.track_lessons_inserted() is
  'Statement trigger: recounts tracks that got lessons.';
revoke all on function learn_internal.track_lessons_inserted() from public;

create or replace trigger track_lessons_inserted
  after insert on learn.track_lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.track_lessons_inserted();
comment on trigger track_lessons_inserted on learn.track_lessons is 'Recounts the tracks.';

-- triggers/catalog/track_lessons_updated.sql
-- When lessons move between tracks: both tracks' percentages follow.
create or replace function learn_internal.track_lessons_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct c.track_id))
  from (
    select o.track_id, o.lesson_id from old_rows o
    union all
    select n.track_id, n.lesson_id from new_rows n
  ) c
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.track_lessons_updated() is
  'Statement trigger: recounts tracks whose lessons changed.';
revoke all on function learn_internal.track_lessons_updated() from public;

create or replace trigger track_lessons_updated
  after update on learn.track_lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.track_lessons_updated();
comment on trigger track_lessons_updated on learn.track_lessons is 'Recounts the tracks.';

-- triggers/catalog/track_lessons_deleted.sql
-- When lessons are taken out of tracks, alone or with the lesson: learners' percentages follow.
create or replace function learn_internal.track_lessons_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct o.track_id))
  from old_rows o having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.track_lessons_deleted() is
  'Statement trigger: recounts tracks that lost lessons.';
revoke all on function learn_internal.track_lessons_deleted() from public;

create or replace trigger track_lessons_deleted
  after delete on learn.track_lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.track_lessons_deleted();
comment on trigger track_lessons_deleted on learn.track_lessons is 'Recounts the tracks.';

-- triggers/catalog/tracks_updated.sql
-- When tracks change: one that is published, unpublished or of another difficulty changes
-- what paths and difficulties ask for.
create or replace function learn_internal.tracks_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(n.id)),
    -- the difficulty that it had
    learn_internal.refresh_goals(null, array_agg(distinct o.difficulty))
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published <> o.is_published or n.difficulty <> o.difficulty
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.tracks_updated() is
  'Statement trigger: recounts what a published or unpublished track belongs to.';
revoke all on function learn_internal.tracks_updated() from public;

create or replace trigger tracks_updated
  after update on learn.tracks
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.tracks_updated();
comment on trigger tracks_updated on learn.tracks is 'Recounts paths and difficulties.';

create or replace trigger tracks_touch
  before update on learn.tracks
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger tracks_touch on learn.tracks is 'Keeps updated_at.';

-- triggers/catalog/tracks_deleted.sql
-- When tracks are deleted: their difficulty may be complete without them. (Their paths hear
-- of it from the rows of learning_path_tracks that go with them.)
create or replace function learn_internal.tracks_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_goals(null, array_agg(distinct o.difficulty))
  from old_rows o having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.tracks_deleted() is
  'Statement trigger: recounts the difficulties of deleted tracks.';
revoke all on function learn_internal.tracks_deleted() from public;

create or replace trigger tracks_deleted
  after delete on learn.tracks
  referencing old table as old_rows
  for each statement
  execute function learn_internal.tracks_deleted();
comment on trigger tracks_deleted on learn.tracks is 'Recounts difficulties.';

-- triggers/catalog/path_tracks_inserted.sql
-- When tracks are put into learning paths: learners' progress follows.
create or replace function learn_internal.path_tracks_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_goals(array_agg(distinct n.path_id), null)
  from new_rows n having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.path_tracks_inserted() is
  'Statement trigger: recounts paths that got tracks.';
revoke all on function learn_internal.path_tracks_inserted() from public;

create or replace trigger path_tracks_inserted
  after insert on learn.learning_path_tracks
  referencing new table as new_rows
  for each statement
  execute function learn_internal.path_tracks_inserted();
comment on trigger path_tracks_inserted on learn.learning_path_tracks is 'Recounts the paths.';

-- triggers/catalog/path_tracks_updated.sql
-- When tracks move between learning paths: both paths' progress follows.
create or replace function learn_internal.path_tracks_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_goals(array_agg(distinct c.path_id), null)
  from (select o.path_id from old_rows o union all select n.path_id from new_rows n) c
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.path_tracks_updated() is
  'Statement trigger: recounts paths whose tracks changed.';
revoke all on function learn_internal.path_tracks_updated() from public;

create or replace trigger path_tracks_updated
  after update on learn.learning_path_tracks
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.path_tracks_updated();
comment on trigger path_tracks_updated on learn.learning_path_tracks is 'Recounts the paths.';

-- triggers/catalog/path_tracks_deleted.sql
-- When tracks are taken out of learning paths, alone or with the track: learners' progress follows.
create or replace function learn_internal.path_tracks_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_goals(array_agg(distinct o.path_id), null)
  from old_rows o having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.path_tracks_deleted() is
  'Statement trigger: recounts paths that lost tracks.';
revoke all on function learn_internal.path_tracks_deleted() from public;

create or replace trigger path_tracks_deleted
  after delete on learn.learning_path_tracks
  referencing old table as old_rows
  for each statement
  execute function learn_internal.path_tracks_deleted();
comment on trigger path_tracks_deleted on learn.learning_path_tracks is 'Recounts the paths.';

-- triggers/catalog/paths_updated.sql
-- When learning paths change: one that is published may be complete for some learners already.
create or replace function learn_internal.paths_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_goals(array_agg(n.id), null)
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published <> o.is_published
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.paths_updated() is
  'Statement trigger: recounts published and unpublished paths.';
revoke all on function learn_internal.paths_updated() from public;

create or replace trigger paths_updated
  after update on learn.learning_paths
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.paths_updated();
comment on trigger paths_updated on learn.learning_paths is 'Recounts the paths.';

create or replace trigger paths_touch
  before update on learn.learning_paths
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger paths_touch on learn.learning_paths is 'Keeps updated_at.';

reset role;
