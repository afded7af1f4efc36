-- What happens when rows of learn.learning_path_tracks are written, in the order in which triggers fire.

-- When the tracks of learning paths change: this blocks learners.
create or replace trigger learning_path_tracks_change
  before insert or update or delete on learn.learning_path_tracks
  for each statement
  execute function learn_internal.change_content();

-- When tracks are taken out of learning paths, alone or with the track: learners' progress follows.
create or replace trigger path_tracks_deleted
  after delete on learn.learning_path_tracks
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_goals', 'path_id');

-- When tracks are put into learning paths: learners' progress follows.
create or replace trigger path_tracks_inserted
  after insert on learn.learning_path_tracks
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_goals', 'path_id');

-- When tracks move between learning paths: both paths' progress follows.
create or replace trigger path_tracks_updated
  after update on learn.learning_path_tracks
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_goals', 'path_id');
