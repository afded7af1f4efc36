-- When lesson progress changes: what has become started or completed by the change
-- is treated like new rows.
create or replace function learn_internal.lesson_progress_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
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
  v_touched     learn_internal.lesson_time[];
begin
  if not exists (select from new_rows) then
    return null;
  end if;
  select
    array_agg((n.user_id, n.lesson_id, n.started_at)::learn_internal.lesson_event)
      filter (where n.started_at is not null and o.started_at is null),
    array_agg((n.user_id, n.lesson_id,
        coalesce(n.time_spent_seconds, 0) - coalesce(o.time_spent_seconds, 0),
        greatest(
          case when o.started_at is null then n.started_at end,
          case when o.completed_at is null then n.completed_at end))::learn_internal.lesson_time)
      filter (where n.time_spent_seconds is distinct from o.time_spent_seconds
        or n.started_at is not null and o.started_at is null),
    array_agg((n.user_id, n.lesson_id, n.completed_at, n.started_at, n.score,
      null, null, null, null, 'lesson_completed')::learn_internal.completion)
      filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.user_id) filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.lesson_id) filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.completed_at) filter (where n.completed_at is not null and o.completed_at is null),
    count(n.started_at), bool_or(n.score = 100)
  into v_starts, v_touched, v_completions, v_user_ids, v_lesson_ids, v_at, v_started, v_is_perfect
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.lesson_id = n.lesson_id;
  if v_touched is not null and v_user_ids is not null then
    -- all users at once, in key order: the steps below lock some of them each
    perform from learn.user_stats s where s.user_id in (select n.user_id from new_rows n)
    order by s.user_id for no key update;
  end if;
  if v_touched is not null then
    perform learn_internal.touch_courses(v_touched);
  end if;
  if v_starts is not null then
    perform learn_internal.write_lesson_starts(v_starts);
  end if;
  if v_user_ids is not null then
    perform learn_internal.apply_lesson_completions(
      v_completions, v_user_ids, v_lesson_ids, v_at, v_started > 0, v_is_perfect);
    -- for lesson_progress_inserted(), which comes next when this is an upsert
    perform set_config('learn_internal.lessons_updated', 'yes', true);
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
