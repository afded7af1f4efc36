-- When imported progress is deleted, alone or with its challenge: what is left is recounted from
-- the attempts. What it paid stays paid.
create or replace trigger imported_progress_deleted
  after delete on learn.imported_challenge_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.level_attempts_deleted();
comment on trigger imported_progress_deleted on learn.imported_challenge_progress is
  'Recounts progress.';
