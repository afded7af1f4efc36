-- When lessons move between tracks: both tracks' percentages follow.
create or replace trigger track_lessons_updated
  after update on learn.track_lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');
comment on trigger track_lessons_updated on learn.track_lessons is 'Recounts the tracks.';
