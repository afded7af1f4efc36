-- When tracks are put into learning paths: learners' progress follows.
create or replace trigger path_tracks_inserted
  after insert on learn.learning_path_tracks
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_goals', 'path_id');
comment on trigger path_tracks_inserted on learn.learning_path_tracks is 'Recounts the paths.';
