-- When progress in challenges is deleted, alone or with the challenge: the tracks are recounted.
create or replace trigger challenge_progress_deleted
  after delete on learn.user_challenge_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.recount_lost_items('challenges', 'challenge_id');

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_challenge_progress
  for each row
  when (learn_internal.is_off_time(
    greatest(new.unlocked_at, new.started_at, new.completed_at),
    least(new.unlocked_at, new.started_at, new.completed_at)))
  execute function learn_internal.refuse_times('unlocked_at', 'started_at', 'completed_at');

create or replace trigger refuse_new_times
  before update of unlocked_at, started_at, completed_at on learn.user_challenge_progress
  for each row
  when (new.unlocked_at is distinct from old.unlocked_at and learn_internal.is_off_time(new.unlocked_at, new.unlocked_at)
    or new.started_at is distinct from old.started_at and learn_internal.is_off_time(new.started_at, new.started_at)
    or new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('unlocked_at', 'started_at', 'completed_at');
