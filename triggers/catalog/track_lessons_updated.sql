-- When lessons move between tracks: both tracks' percentages follow.
create or replace function learn_internal.track_lessons_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct c.track_id))
  from (
    select o.track_id, o.lesson_id from old_rows o
    union all
    select n.track_id, n.lesson_id from new_rows n
  ) c
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.track_lessons_updated() is
  'Statement trigger: recounts tracks whose lessons changed.';
revoke all on function learn_internal.track_lessons_updated() from public;

create or replace trigger track_lessons_updated
  after update on learn.track_lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.track_lessons_updated();
comment on trigger track_lessons_updated on learn.track_lessons is 'Recounts the tracks.';
