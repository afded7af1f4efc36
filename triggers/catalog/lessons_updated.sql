-- When lessons change: one that is published, unpublished or moved changes the percentages of its
-- courses and tracks, and one that is published is complete for those who have solved its
-- exercises already.
create or replace function learn_internal.lessons_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_courses(array_agg(distinct c.course_id))
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.course_id), (o.course_id)) c(course_id)
  where c.course_id is not null
    and (n.is_published, n.course_id, n.course_level_id, n.difficulty)
      is distinct from (o.is_published, o.course_id, o.course_level_id, o.difficulty)
  having count(*) > 0;

  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from new_rows n
  join old_rows o on o.id = n.id
  join learn.track_lessons t on t.lesson_id = n.id
  where n.is_available <> o.is_available
  having count(*) > 0;

  perform learn_internal.refresh_lessons(array_agg(n.id))
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_available and not o.is_available
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
