-- Before imported progress is written: content is held.
create or replace trigger imported_progress_hold
  before insert or update on learn.imported_challenge_progress
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger imported_progress_hold on learn.imported_challenge_progress is
  'Keeps content as it is.';
