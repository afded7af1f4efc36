-- What happens when lesson progress is written, in this order: content is held; status and date agree;
-- what has become started or completed is a fact, which pays, and a step in courses and tracks. When
-- it is deleted, courses and tracks are recounted.
-- Errors: LX009 a change would take a completion away; and those of what follows.

-- 1. Before anything is written: content is held.
create or replace trigger user_lesson_progress_hold
  before insert or update on learn.user_lesson_progress
  for each statement execute function learn_internal.hold_content_first();

-- 2. A row that is written by hand: status and date agree, and a completion stays.
create or replace function learn_internal.date_completions()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' and old.completed_at is not null then
    if new.status = 'in_progress' and new.completed_at is null and pg_trigger_depth() > 1 then
      return new;  -- apply_lesson_completions(): it is not passed
    elsif new.status <> 'completed' or new.completed_at is null then
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
  if tg_op = 'UPDATE' then
    new.started_at := coalesce(old.started_at, new.started_at);
  end if;
  return new;
end;
$$;
comment on function learn_internal.date_completions() is
  'Row trigger: a completed lesson has a date, and keeps it (LX009).';

create or replace trigger date_completions
  before insert on learn.user_lesson_progress
  for each row
  when ((new.status = 'completed') <> (new.completed_at is not null))
  execute function learn_internal.date_completions();

create or replace trigger keep_completions
  before update on learn.user_lesson_progress
  for each row
  when ((new.status = 'completed') <> (new.completed_at is not null)
    or old.completed_at is not null and new.completed_at is distinct from old.completed_at
    or old.started_at is not null and new.started_at is distinct from old.started_at)
  execute function learn_internal.date_completions();

-- A start that is moved: it is dated neither ahead of the clock nor absurdly far back. Rows that are new, and
-- completions, are asked where they become facts.
-- Errors: LX001.
create or replace trigger refuse_new_times
  before update of started_at, completed_at on learn.user_lesson_progress
  for each row
  when (new.started_at is distinct from old.started_at and learn_internal.is_off_time(new.started_at, new.started_at)
    or new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('started_at', 'completed_at');

-- 3. What has become started or completed, by a new row or by a change.
create or replace function learn_internal.lesson_progress_written()
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
  v_completions learn_internal.completion[];
  v_starts      learn_internal.lesson_event[];
  v_times       learn_internal.lesson_time[];
  v_has_times   boolean;
  v_perfect     learn_internal.lesson_event[];   -- a first score that is full and has come after the completion
begin
  if tg_op = 'INSERT' then
    select
      array_agg((n.user_id, n.lesson_id, n.completed_at, n.started_at, n.score,
          n.time_spent_seconds)::learn_internal.completion) filter (where n.completed_at is not null),
      bool_or(n.time_spent_seconds > 0 or n.started_at is not null)
    into v_completions, v_has_times
    from new_rows n;
    if v_has_times then
      select
        array_agg((n.user_id, n.lesson_id, n.started_at)::learn_internal.lesson_event)
          filter (where n.started_at is not null),
        array_agg((n.user_id, n.lesson_id, coalesce(n.time_spent_seconds, 0),
            greatest(n.started_at, n.completed_at))::learn_internal.lesson_time)
      into v_starts, v_times
      from new_rows n
      where n.time_spent_seconds > 0 or n.started_at is not null;
    end if;
  elsif exists (select from new_rows) then
    select
      array_agg((c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
          c.seconds - coalesce(c.old_seconds, 0))::learn_internal.completion)
        filter (where c.completed_at is not null and c.old_completed_at is null),
      array_agg((c.user_id, c.lesson_id, c.started_at)::learn_internal.lesson_event)
        filter (where c.started_at is not null and c.old_started_at is null),
      array_agg((c.user_id, c.lesson_id, coalesce(c.seconds, 0) - coalesce(c.old_seconds, 0),
          greatest(
            case when c.old_started_at is null then c.started_at end,
            case when c.old_completed_at is null then c.completed_at end))::learn_internal.lesson_time)
        filter (where c.seconds is distinct from c.old_seconds
          or c.started_at is not null and c.old_started_at is null),
      array_agg((c.user_id, c.lesson_id, null)::learn_internal.lesson_event order by c.user_id, c.lesson_id)
        filter (where c.old_completed_at is not null and (c.score = 100 and c.old_score is null
          or c.old_score = 100 and c.score is distinct from c.old_score))
    into v_completions, v_starts, v_times, v_perfect
    from (
      -- New and old rows are matched by grouping, in the same time per row for any number.
      select r.user_id, r.lesson_id, max(r.score) filter (where r.is_new) as score,
        max(r.score) filter (where not r.is_new) as old_score,
        max(r.time_spent_seconds) filter (where r.is_new) as seconds,
        max(r.time_spent_seconds) filter (where not r.is_new) as old_seconds,
        max(r.started_at) filter (where r.is_new) as started_at,
        max(r.started_at) filter (where not r.is_new) as old_started_at,
        max(r.completed_at) filter (where r.is_new) as completed_at,
        max(r.completed_at) filter (where not r.is_new) as old_completed_at
      from (
        select n.user_id, n.lesson_id, n.score, n.time_spent_seconds, n.started_at, n.completed_at,
          true as is_new
        from new_rows n
        union all
        select o.user_id, o.lesson_id, o.score, o.time_spent_seconds, o.started_at,
          o.completed_at, false
        from old_rows o
      ) r
      group by r.user_id, r.lesson_id
      having count(*) = 2  -- not where the key itself was changed
    ) c;
  end if;

  if v_times is not null then
    -- all users at once, in key order: the steps below lock some of them each
    perform from learn.user_stats s
    where s.user_id = any (array(select n.user_id from new_rows n))
    order by s.user_id
    for no key update;
    perform learn_internal.touch_courses(v_times);
  end if;
  if v_starts is not null then
    perform learn_internal.write_facts(array_agg(
      (e.user_id, 'lesson_started', 'lesson', e.lesson_id::text, '{}',
        null, e.at)::learn_internal.fact
      order by e.user_id, e.at, e.lesson_id))
    from unnest(v_starts) e;
  end if;
  if v_completions is not null then
    perform learn_internal.apply_lesson_completions(v_completions);
  end if;
  if v_perfect is not null then
    perform learn_internal.apply_late_scores(v_perfect);
  end if;

  -- An upsert comes here twice: with its updated rows, and then with its inserted ones. Courses that were
  -- recounted the first time have counted the inserted rows already. At worst it was an earlier statement.
  if tg_op = 'UPDATE' and v_completions is not null then
    perform set_config('learn_internal.lessons_updated', 'yes', true);
  elsif tg_op = 'INSERT' and current_setting('learn_internal.lessons_updated', true) = 'yes' then
    if exists (select from new_rows) then
      perform set_config('learn_internal.lessons_updated', '', true);
      perform learn_internal.settle_courses(array_agg(distinct n.user_id), array_agg(distinct l.course_id))
      from new_rows n
      join learn.lessons l on l.id = n.lesson_id and l.course_id is not null
      having count(*) > 0;
    end if;
  end if;
  if v_starts is not null then  -- all that was begun must be unlocked by now
    perform learn_internal.require_unlocked(array_agg(e.user_id), array_agg(e.lesson_id))
    from unnest(v_starts) e
    join learn.lessons l on l.id = e.lesson_id and l.course_level_id is not null
    having count(*) > 0;
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_written() is
  'Statement trigger: started lessons become facts; completed ones pay and move courses and tracks.';

create or replace trigger lesson_progress_inserted
  after insert on learn.user_lesson_progress
  referencing new table as new_rows
  for each statement execute function learn_internal.lesson_progress_written();

create or replace trigger lesson_progress_updated
  after update on learn.user_lesson_progress
  referencing old table as old_rows new table as new_rows
  for each statement execute function learn_internal.lesson_progress_written();

-- 4. Progress that is deleted, alone or with its lesson: the courses and tracks concerned are recounted. A lesson
-- whose exercises are all solved is completed again: delete the submissions first.
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
  v_user_ids   uuid[];
  v_track_ids  bigint[];
  v_course_ids bigint[];
  v_solved     record;
begin
  select array_agg(distinct d.user_id), array_agg(distinct i.track_id),
    array_agg(distinct l.course_id)
  into v_user_ids, v_track_ids, v_course_ids
  from deleted_rows d
  join learn.lessons l on l.id = d.lesson_id
  join learn.users u on u.id = d.user_id
  left join lateral (
    select t.track_id from learn_internal.track_items t
    where t.item_type = 'lesson' and t.item_id = d.lesson_id and d.completed_at is not null
    offset 0  -- keeps this a query by key
  ) i on true
  where i.track_id is not null or l.course_id is not null;
  if v_user_ids is not null then
    perform from learn.user_stats s where s.user_id = any (v_user_ids)
    order by s.user_id for no key update;
    perform learn_internal.settle_courses(v_user_ids, v_course_ids);
    perform learn_internal.recount_tracks(v_user_ids, v_track_ids);
  end if;
  select array_agg(d.user_id) as user_ids, array_agg(d.lesson_id) as lesson_ids into v_solved
  from deleted_rows d
  join learn.users u on u.id = d.user_id
  where exists (
    select from learn.exercises e
    join learn.user_exercise_progress x
      on x.user_id = d.user_id and x.exercise_id = e.id and x.solved_at is not null
    where e.lesson_id = d.lesson_id and e.is_published);
  if v_solved.user_ids is not null then
    perform learn_internal.complete_solved_lessons(v_solved.user_ids, v_solved.lesson_ids);
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_deleted() is
  'Statement trigger: recounts the courses and tracks of deleted lesson progress.';

create or replace trigger lesson_progress_deleted
  after delete on learn.user_lesson_progress
  referencing old table as deleted_rows
  for each statement execute function learn_internal.lesson_progress_deleted();
