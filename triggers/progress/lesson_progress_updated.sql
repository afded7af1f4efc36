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
  v_touched     learn_internal.lesson_time[];
begin
  if not exists (select from new_rows) then
    return null;
  end if;
  select
    array_agg((c.user_id, c.lesson_id, c.started_at)::learn_internal.lesson_event)
      filter (where c.is_started),
    array_agg((c.user_id, c.lesson_id, coalesce(c.seconds, 0) - coalesce(c.old_seconds, 0),
        greatest(
          case when c.old_started_at is null then c.started_at end,
          case when c.old_completed_at is null then c.completed_at end))::learn_internal.lesson_time)
      filter (where c.seconds is distinct from c.old_seconds or c.is_started),
    array_agg((c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
      null, null, null, null, 'lesson_completed')::learn_internal.completion)
      filter (where c.is_completed),
    array_agg(c.user_id) filter (where c.is_completed),
    array_agg(c.lesson_id) filter (where c.is_completed),
    array_agg(c.completed_at) filter (where c.is_completed),
    count(c.started_at), bool_or(c.score = 100)
  into v_starts, v_touched, v_completions, v_user_ids, v_lesson_ids, v_at, v_started, v_is_perfect
  from (
    select g.*, g.started_at is not null and g.old_started_at is null as is_started,
      g.completed_at is not null and g.old_completed_at is null as is_completed
    from (
      -- New and old rows are matched by grouping, in the same time per row for any number: see docs/engine.md
      select r.user_id, r.lesson_id, max(r.score) filter (where r.is_new) as score,
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
        select o.user_id, o.lesson_id, o.score, o.time_spent_seconds, o.started_at, o.completed_at, false
        from old_rows o
      ) r
      group by r.user_id, r.lesson_id
      having count(*) = 2  -- not where the key itself was changed
    ) g
  ) c;
  if v_touched is not null and v_user_ids is not null then
    -- all users at once, in key order: the steps below lock some of them each
    perform from learn.user_stats s where s.user_id = any (array(select n.user_id from new_rows n))
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
