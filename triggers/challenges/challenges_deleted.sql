-- When challenges are deleted: their tracks may be complete without them.
create or replace trigger challenges_deleted
  after delete on learn.challenges
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');
comment on trigger challenges_deleted on learn.challenges is 'Recounts the tracks.';
