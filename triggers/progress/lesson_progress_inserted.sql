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
  v_has_time    boolean;
  -- An upsert: its updated rows have been through lesson_progress_updated(), and courses that were
  -- recounted there have counted the inserted rows too. At worst it was an earlier statement.
  v_is_upsert   boolean := current_setting('learn_internal.lessons_updated', true) = 'yes';
begin
  select
    array_agg((n.user_id, n.lesson_id, n.completed_at, n.started_at, n.score,
      null, null, null, null, 'lesson_completed')::learn_internal.completion),
    array_agg(n.user_id), array_agg(n.lesson_id), array_agg(n.completed_at),
    count(n.started_at), bool_or(n.score = 100), bool_or(n.time_spent_seconds > 0)
  into v_completions, v_user_ids, v_lesson_ids, v_at, v_started, v_is_perfect, v_has_time
  from new_rows n;
  if v_started > 0 or v_has_time then
    -- all users at once, in key order: the steps below lock some of them each
    perform from learn.user_stats s where s.user_id = any (v_user_ids)
    order by s.user_id for no key update;
    perform learn_internal.touch_courses(
      array_agg((n.user_id, n.lesson_id, coalesce(n.time_spent_seconds, 0),
        greatest(n.started_at, n.completed_at))::learn_internal.lesson_time))
    from new_rows n
    where n.time_spent_seconds > 0 or n.started_at is not null;
  end if;
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
  if v_is_upsert and exists (select from new_rows) then
    perform set_config('learn_internal.lessons_updated', '', true);
    perform learn_internal.settle_courses(array_agg(distinct n.user_id), array_agg(distinct l.course_id))
    from new_rows n
    join learn.lessons l on l.id = n.lesson_id
    where l.course_id is not null
    having count(*) > 0;
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
