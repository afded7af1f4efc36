-- What happens when rows of learn.idempotency_keys are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.idempotency_keys
  for each row
  when (learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');

create or replace trigger refuse_new_times
  before update of created_at on learn.idempotency_keys
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');
