-- What happens when rows of learn.user_avatars are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_avatars
  for each row
  when (learn_internal.is_off_time(new.unlocked_at, new.unlocked_at))
  execute function learn_internal.refuse_times('unlocked_at');

create or replace trigger refuse_new_times
  before update of unlocked_at on learn.user_avatars
  for each row
  when (new.unlocked_at is distinct from old.unlocked_at and learn_internal.is_off_time(new.unlocked_at, new.unlocked_at))
  execute function learn_internal.refuse_times('unlocked_at');
