-- What happens when rows of learn.user_credentials are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_credentials
  for each row
  when (learn_internal.is_off_time(new.updated_at, new.updated_at))
  execute function learn_internal.refuse_times('updated_at');

create or replace trigger refuse_new_times
  before update of updated_at on learn.user_credentials
  for each row
  when (new.updated_at is distinct from old.updated_at and learn_internal.is_off_time(new.updated_at, new.updated_at))
  execute function learn_internal.refuse_times('updated_at');
