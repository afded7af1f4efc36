-- When lessons change: one that is published, unpublished or moved changes the percentages of its
-- courses and tracks, and one that is published is complete for those who have solved its
-- exercises already.
create or replace function learn_internal.lessons_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_course_ids bigint[];
begin
  select array_agg(distinct c.course_id) into v_course_ids
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.course_id), (o.course_id)) c(course_id)
  where c.course_id is not null
    and (n.is_published, n.is_available, n.course_id, n.course_level_id, n.difficulty)
      is distinct from (o.is_published, o.is_available, o.course_id, o.course_level_id, o.difficulty);
  -- What there is to complete comes first: what is completed then is counted on top of it.
  if v_course_ids is not null then
    perform learn_internal.count_courses(v_course_ids);
  end if;

  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from (
    select i.track_id
    from new_rows n
    join old_rows o on o.id = n.id
    join learn.track_lessons i on i.lesson_id = n.id
    where n.is_available <> o.is_available
    union
    select c.track_id
    from learn.courses c
    where c.id = any (v_course_ids) and c.track_id is not null
  ) t
  having count(*) > 0;

  if v_course_ids is not null then
    perform learn_internal.refresh_courses(v_course_ids);
  end if;

  perform learn_internal.refresh_lessons(array_agg(n.id))
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_available
    and (not o.is_available
      or (n.course_id, n.course_level_id) is distinct from (o.course_id, o.course_level_id))
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.lessons_updated() is
  'Statement trigger: recounts courses and tracks of published, unpublished and moved lessons.';
revoke all on function learn_internal.lessons_updated() from public;

create or replace trigger lessons_updated
  after update on learn.lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.lessons_updated();
comment on trigger lessons_updated on learn.lessons is 'Recounts courses and tracks.';

create or replace trigger lessons_touch
  before update on learn.lessons
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger lessons_touch on learn.lessons is 'Keeps updated_at.';
