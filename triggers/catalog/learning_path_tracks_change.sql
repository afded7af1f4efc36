-- When the tracks of learning paths change: this blocks learners.
create or replace trigger learning_path_tracks_change
  before insert or update or delete on learn.learning_path_tracks
  for each statement
  execute function learn_internal.change_content();
comment on trigger learning_path_tracks_change on learn.learning_path_tracks is
  'A change blocks learners.';
