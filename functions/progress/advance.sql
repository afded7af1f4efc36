-- Counts newly completed lessons, parallel arrays, towards their courses: enrols users who are not,
-- increments the live numbers, and settles a course where a level or all of it may be complete.
-- Errors: LX005 a lesson's level is locked, after all that this statement unlocks;
-- LX006 required prerequisites of a course are not completed, after all that it completes.
create or replace function learn_internal.advance_courses(
  p_user_ids uuid[], p_lesson_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids   uuid[];
  v_course_ids bigint[];
  v_is_new     boolean;
begin
  -- A lesson that settle_courses() completes on its way comes through here too, before
  -- the totals are recounted: no number goes above them, and the recount has the last word.
  with moved as (
    select c.user_id, l.course_id, count(*)::integer as lessons, sum(l.weight) as weight,
      max(c.at) as last_at,
      bool_or(l.course_level_id is not null and u.completed_at is null) as is_new_level
    from unnest(p_user_ids, p_lesson_ids, p_at) c(user_id, lesson_id, at)
    join learn_internal.course_lessons l on l.lesson_id = c.lesson_id
    left join learn.user_level_unlocks u
      on u.user_id = c.user_id and u.course_level_id = l.course_level_id
    group by c.user_id, l.course_id
  ), counted as (
    update learn.user_course_progress p
    set lessons_completed = least(p.lessons_completed + m.lessons, p.total_lessons),
      weight_completed = least(p.weight_completed + m.weight, p.total_weight),
      last_activity_at = greatest(p.last_activity_at, m.last_at)
    from moved m
    where p.user_id = m.user_id and p.course_id = m.course_id
    returning p.user_id, p.course_id, m.is_new_level
      or p.total_levels = 0 and p.lessons_completed = p.total_lessons and p.completed_at is null
      as is_unsettled
  )
  select array_agg(c.user_id) filter (where c.is_unsettled),
    array_agg(c.course_id) filter (where c.is_unsettled),
    count(*) < (select count(*) from moved)
  into v_user_ids, v_course_ids, v_is_new
  from counted c;

  if v_user_ids is not null then
    perform learn_internal.settle_courses(v_user_ids, v_course_ids);
  end if;
  -- Enrolling counts everything, these lessons included. It comes last: what was completed above
  -- may be what it waits for.
  if v_is_new then
    insert into learn.user_course_progress (user_id, course_id, enrolled_at)
    select c.user_id, l.course_id, min(c.at)
    from unnest(p_user_ids, p_lesson_ids, p_at) c(user_id, lesson_id, at)
    join learn_internal.course_lessons l on l.lesson_id = c.lesson_id
    where not exists (
      select from learn.user_course_progress p
      where p.user_id = c.user_id and p.course_id = l.course_id)
    group by c.user_id, l.course_id
    order by c.user_id, min(c.at), l.course_id;
  end if;
  perform learn_internal.require_unlocked(p_user_ids, p_lesson_ids);
end;
$$;
comment on function learn_internal.advance_courses(uuid[], bigint[], timestamptz[]) is
  'Counts newly completed lessons towards their courses, and enrols where needed.';

-- After users have completed tracks (parallel arrays): counts them in their learning paths and
-- difficulties, and completes those that this fills. Returns the facts to write.
-- The caller has locked the users.
create or replace function learn_internal.advance_goals(p_user_ids uuid[], p_track_ids bigint[])
returns learn_internal.fact[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  g         record;              -- a user, and a path or a difficulty
  v_count   record;
  v_earlier timestamptz;
  v_at      timestamptz;
  v_facts   learn_internal.fact[] := '{}'::learn_internal.fact[];
begin
  for g in
    select distinct c.user_id, p.id, p.slug, p.is_published
    from unnest(p_user_ids, p_track_ids) c(user_id, track_id)
    join learn.learning_path_tracks i on i.track_id = c.track_id
    join learn.learning_paths p on p.id = i.path_id
    order by c.user_id, p.id
  loop
    select count(*)::integer as total, count(p.completed_at)::integer as done,
      max(p.completed_at) as at
    into v_count
    from learn.learning_path_tracks i
    join learn_internal.filled_tracks t on t.track_id = i.track_id
    left join learn.user_track_progress p on p.user_id = g.user_id and p.track_id = i.track_id
    where i.path_id = g.id;
    select p.completed_at into v_earlier
    from learn.user_path_progress p
    where p.user_id = g.user_id and p.path_id = g.id;
    v_at := coalesce(v_earlier, case
      when g.is_published and v_count.total > 0 and v_count.done = v_count.total then v_count.at end);
    insert into learn.user_path_progress as p
      (user_id, path_id, tracks_completed, total_tracks, completed_at)
    values (g.user_id, g.id, v_count.done, v_count.total, v_at)
    on conflict (user_id, path_id) do update
      set tracks_completed = excluded.tracks_completed, total_tracks = excluded.total_tracks,
        completed_at = excluded.completed_at;
    if v_earlier is null and v_at is not null then
      v_facts := v_facts || (
        g.user_id, 'path_completed', 'path', g.id::text, jsonb_build_object('slug', g.slug),
        null, v_at)::learn_internal.fact;
    end if;
  end loop;

  for g in
    select distinct c.user_id, t.difficulty
    from unnest(p_user_ids, p_track_ids) c(user_id, track_id)
    join learn.tracks t on t.id = c.track_id
    order by c.user_id, t.difficulty
  loop
    -- nearly always, one that is missing is found at once
    continue when exists (
      select from learn_internal.filled_tracks t
      left join learn.user_track_progress p on p.user_id = g.user_id and p.track_id = t.track_id
      where t.difficulty = g.difficulty and p.completed_at is null);
    insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
    select g.user_id, g.difficulty, max(p.completed_at)
    from learn_internal.filled_tracks t
    join learn.user_track_progress p on p.user_id = g.user_id and p.track_id = t.track_id
    where t.difficulty = g.difficulty
    on conflict do nothing
    returning completed_at into v_at;
    if found then
      v_facts := v_facts || (
        g.user_id, 'difficulty_completed', 'difficulty', g.difficulty,
        jsonb_build_object('difficulty', g.difficulty), null, v_at)::learn_internal.fact;
    end if;
  end loop;
  return v_facts;
end;
$$;
comment on function learn_internal.advance_goals(uuid[], bigint[]) is
  'Counts completed tracks in paths and difficulties, and completes what that fills; returns the facts.';

-- Counts newly completed items towards their tracks, and completes the tracks that this fills.
-- Increments, so that an item costs the same in a track of five items and of five thousand.
-- The caller has locked the users.
create or replace function learn_internal.advance_tracks(p_steps learn_internal.track_step[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  g           learn_internal.track_step;
  v_steps     learn_internal.track_step[] := p_steps;
  v_items     integer[] := array[1];  -- how many each step is worth
  v_row       learn.user_track_progress;
  v_user_ids  uuid[];
  v_track_ids bigint[];
  v_at        timestamptz[];
begin
  if cardinality(p_steps) > 1 then
    select
      array_agg((d.user_id, d.track_id, d.at)::learn_internal.track_step
        order by d.user_id, d.track_id),
      array_agg(d.items order by d.user_id, d.track_id)
    into v_steps, v_items
    from (
      select s.user_id, s.track_id, max(s.at) as at, count(*)::integer as items
      from unnest(p_steps) s
      group by s.user_id, s.track_id
    ) d;
  end if;
  for v_i in 1 .. cardinality(v_steps) loop
    g := v_steps[v_i];
    update learn.user_track_progress p
    set items_completed = p.items_completed + v_items[v_i],
      status = case when p.completed_at is null then 'in_progress' else 'completed' end,
      -- as derive_track_progress() says, without its price
      progress_percentage = case when p.total_items = 0 then 0
        else round(100.0 * (p.items_completed + v_items[v_i]) / p.total_items, 2) end
    where p.user_id = g.user_id and p.track_id = g.track_id
    returning p.* into v_row;
    if not found then
      insert into learn.user_track_progress as p (user_id, track_id, items_completed, total_items)
      select g.user_id, t.id, v_items[v_i], greatest(v_items[v_i], t.total_items)
      from learn.tracks t
      where t.id = g.track_id
      returning p.* into v_row;
    end if;
    if v_row.items_completed = v_row.total_items and v_row.completed_at is null then
      if exists (select from learn.tracks t where t.id = g.track_id and t.is_published) then
        v_user_ids := v_user_ids || g.user_id;
        v_track_ids := v_track_ids || g.track_id;
        v_at := v_at || g.at;
      end if;
    end if;
  end loop;
  if cardinality(v_user_ids) > 0 then
    perform learn_internal.complete_tracks(v_user_ids, v_track_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.advance_tracks(learn_internal.track_step[]) is
  'Counts newly completed items towards their tracks.';
