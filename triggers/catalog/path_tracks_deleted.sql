-- When tracks are taken out of learning paths, alone or with the track: learners' progress follows.
create or replace trigger path_tracks_deleted
  after delete on learn.learning_path_tracks
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_goals', 'path_id');
comment on trigger path_tracks_deleted on learn.learning_path_tracks is 'Recounts the paths.';
