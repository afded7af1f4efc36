-- When lessons are taken out of tracks, alone or with the lesson: learners' percentages follow.
create or replace function learn_internal.track_lessons_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct o.track_id))
  from old_rows o having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.track_lessons_deleted() is
  'Statement trigger: recounts tracks that lost lessons.';
revoke all on function learn_internal.track_lessons_deleted() from public;

create or replace trigger track_lessons_deleted
  after delete on learn.track_lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.track_lessons_deleted();
comment on trigger track_lessons_deleted on learn.track_lessons is 'Recounts the tracks.';
