-- What happens when rows of learn.user_course_progress are written, in the order in which triggers fire.
-- Errors: LX006.

-- Before users are enrolled: content is held.
create or replace trigger user_course_progress_hold
  before insert or update on learn.user_course_progress
  for each statement
  execute function learn_internal.hold_content_first();

-- When enrolments are deleted, alone or with the course: the tracks concerned are recounted.
create or replace trigger course_progress_deleted
  after delete on learn.user_course_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.recount_lost_items('courses', 'course_id');

-- When users are enrolled: required prerequisites must be completed, enrolling is a fact, the first
-- level is unlocked, and lessons of the course that were completed before count.
-- Errors: LX006 a required prerequisite is not completed.
create or replace function learn_internal.course_progress_inserted()
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
  v_course_ids bigint[];
  v_missing    record;
  v_done       record;
begin
  select array_agg(n.user_id), array_agg(n.course_id) into v_user_ids, v_course_ids from new_rows n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  perform learn_internal.write_facts(array_agg(
    (n.user_id, 'course_enrolled', 'course', n.course_id::text,
      jsonb_build_object('slug', c.slug), null, n.enrolled_at)::learn_internal.fact
    order by n.user_id, n.enrolled_at, n.course_id))
  from new_rows n
  join learn.courses c on c.id = n.course_id;

  perform learn_internal.settle_courses(v_user_ids, v_course_ids);

  -- Lessons that were solved while the prerequisites were not met, in levels too that were unlocked
  -- before they came to this course
  select array_agg(n.user_id) as user_ids, array_agg(l.id) as lesson_ids
  into v_done
  from new_rows n
  join learn.lessons l on l.course_id = n.course_id and l.is_available
  where exists (
    select from learn.exercises e
    join learn.user_exercise_progress x
      on x.user_id = n.user_id and x.exercise_id = e.id and x.solved_at is not null
    where e.lesson_id = l.id and e.is_published)
    and not exists (
      select from learn.user_lesson_progress p
      where p.user_id = n.user_id and p.lesson_id = l.id and p.completed_at is not null);
  if v_done.user_ids is not null then
    perform learn_internal.complete_solved_lessons(v_done.user_ids, v_done.lesson_ids);
  end if;

  -- A completion that was brought along, by an import
  select array_agg(n.user_id) as user_ids, array_agg(n.course_id) as course_ids,
    array_agg(n.completed_at) as at
  into v_done
  from new_rows n
  where n.completed_at is not null;
  if v_done.user_ids is not null then
    perform learn_internal.complete_courses(v_done.user_ids, v_done.course_ids, v_done.at);
  end if;

  -- Last, because the statement may bring what it asks for
  select n.user_id, c.slug, string_agg(r.slug, ', ' order by r.slug) as prerequisites
  into v_missing
  from new_rows n
  join learn.courses c on c.id = n.course_id
  join learn_internal.course_requirements r on r.course_id = n.course_id
  where not exists (
    select from learn.user_course_progress p
    where p.user_id = n.user_id and p.course_id = r.prerequisite_course_id
      and p.completed_at is not null)
  group by n.user_id, c.slug
  limit 1;
  if found then
    raise exception 'the prerequisites of the course are not met'
      using errcode = 'LX006',
        detail = format('user_id = %s, course %s needs: %s',
          v_missing.user_id, v_missing.slug, v_missing.prerequisites),
        hint = 'Complete these courses first.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.course_progress_inserted() is
  'Statement trigger: enrolments are checked (LX006), become facts, and unlock the first level.';

create or replace trigger course_progress_inserted
  after insert on learn.user_course_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.course_progress_inserted();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_course_progress
  for each row
  when (learn_internal.is_off_time(
    greatest(new.enrolled_at, new.completed_at, new.last_activity_at),
    least(new.enrolled_at, new.completed_at, new.last_activity_at)))
  execute function learn_internal.refuse_times('enrolled_at', 'completed_at', 'last_activity_at');

create or replace trigger refuse_new_times
  before update of enrolled_at, completed_at, last_activity_at on learn.user_course_progress
  for each row
  when (new.enrolled_at is distinct from old.enrolled_at and learn_internal.is_off_time(new.enrolled_at, new.enrolled_at)
    or new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at)
    or new.last_activity_at is distinct from old.last_activity_at and learn_internal.is_off_time(new.last_activity_at, new.last_activity_at))
  execute function learn_internal.refuse_times('enrolled_at', 'completed_at', 'last_activity_at');
