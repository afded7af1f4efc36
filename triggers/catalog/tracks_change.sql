-- When tracks change in what they count for: this blocks learners.
create or replace trigger tracks_change
  before update of is_published, difficulty or delete on learn.tracks
  for each statement
  execute function learn_internal.change_content();
comment on trigger tracks_change on learn.tracks is 'A change blocks learners.';
