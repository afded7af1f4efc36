-- When courses are deleted: their tracks may be complete without them.
create or replace trigger courses_deleted
  after delete on learn.courses
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');
comment on trigger courses_deleted on learn.courses is 'Recounts the tracks.';
