-- When lessons are put into tracks: learners' percentages follow.
create or replace function learn_internal.track_lessons_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct n.track_id))
  from new_rows n having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.track_lessons_inserted() is
  'Statement trigger: recounts tracks that got lessons.';
revoke all on function learn_internal.track_lessons_inserted() from public;

create or replace trigger track_lessons_inserted
  after insert on learn.track_lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.track_lessons_inserted();
comment on trigger track_lessons_inserted on learn.track_lessons is 'Recounts the tracks.';
