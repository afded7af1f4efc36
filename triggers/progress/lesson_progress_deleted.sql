-- When lesson progress is deleted, alone or with its lesson: the courses
-- and tracks concerned are recounted.
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
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.settle_courses(v_user_ids, v_course_ids);
  perform learn_internal.recount_tracks(v_user_ids, v_track_ids);
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_deleted() is
  'Statement trigger: recounts the courses and tracks of deleted lesson progress.';
revoke all on function learn_internal.lesson_progress_deleted() from public;

create or replace trigger lesson_progress_deleted
  after delete on learn.user_lesson_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.lesson_progress_deleted();
comment on trigger lesson_progress_deleted on learn.user_lesson_progress is 'Recounts courses and tracks.';
