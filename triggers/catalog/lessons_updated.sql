-- When lessons change: one that is published or unpublished moves the percentages of its tracks,
-- and one that is published is complete for those who have solved its exercises already.
create or replace function learn_internal.lessons_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from new_rows n
  join old_rows o on o.id = n.id
  join learn.track_lessons t on t.lesson_id = n.id
  where n.is_published <> o.is_published
  having count(*) > 0;

  perform learn_internal.refresh_lessons(array_agg(n.id))
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published and not o.is_published
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.lessons_updated() is
  'Statement trigger: recounts tracks of published and unpublished lessons.';
revoke all on function learn_internal.lessons_updated() from public;

create or replace trigger lessons_updated
  after update on learn.lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.lessons_updated();
comment on trigger lessons_updated on learn.lessons is 'Recounts the tracks.';

create or replace trigger lessons_touch
  before update on learn.lessons
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger lessons_touch on learn.lessons is 'Keeps updated_at.';
