-- When tracks move between learning paths: both paths' progress follows.
create or replace trigger path_tracks_updated
  after update on learn.learning_path_tracks
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_goals', 'path_id');
comment on trigger path_tracks_updated on learn.learning_path_tracks is 'Recounts the paths.';
