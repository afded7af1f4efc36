-- What happens when rows of learn.user_exercise_progress are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back. What triggers write follows from
-- facts, of which that was asked.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_exercise_progress
  for each row
  when (pg_trigger_depth() = 0 and learn_internal.is_off_time(new.solved_at, new.solved_at))
  execute function learn_internal.refuse_times('solved_at');

create or replace trigger refuse_new_times
  before update of solved_at on learn.user_exercise_progress
  for each row
  when (new.solved_at is distinct from old.solved_at and learn_internal.is_off_time(new.solved_at, new.solved_at))
  execute function learn_internal.refuse_times('solved_at');
