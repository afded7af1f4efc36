-- What happens when rows of learn.user_difficulty_progress are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_difficulty_progress
  for each row
  when (learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');

create or replace trigger refuse_new_times
  before update of completed_at on learn.user_difficulty_progress
  for each row
  when (new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('completed_at');
