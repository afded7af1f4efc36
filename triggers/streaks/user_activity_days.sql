-- What happens when rows of learn.user_activity_days are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back. What triggers write follows from
-- facts, of which that was asked.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_activity_days
  for each row
  when (pg_trigger_depth() = 0 and learn_internal.is_off_date(new.activity_date, new.activity_date))
  execute function learn_internal.refuse_times('activity_date');

create or replace trigger refuse_new_times
  before update of activity_date on learn.user_activity_days
  for each row
  when (new.activity_date is distinct from old.activity_date and learn_internal.is_off_date(new.activity_date, new.activity_date))
  execute function learn_internal.refuse_times('activity_date');
