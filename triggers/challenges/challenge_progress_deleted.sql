-- When progress in challenges is deleted, alone or with the challenge: the tracks are recounted.
create or replace trigger challenge_progress_deleted
  after delete on learn.user_challenge_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.recount_lost_items('challenges', 'challenge_id');
comment on trigger challenge_progress_deleted on learn.user_challenge_progress is
  'Recounts tracks.';
