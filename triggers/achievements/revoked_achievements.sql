-- What happens when rows of learn.revoked_achievements are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.revoked_achievements
  for each row
  when (learn_internal.is_off_time(new.revoked_at, new.revoked_at))
  execute function learn_internal.refuse_times('revoked_at');

create or replace trigger refuse_new_times
  before update of revoked_at on learn.revoked_achievements
  for each row
  when (new.revoked_at is distinct from old.revoked_at and learn_internal.is_off_time(new.revoked_at, new.revoked_at))
  execute function learn_internal.refuse_times('revoked_at');
