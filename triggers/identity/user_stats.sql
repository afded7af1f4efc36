-- What happens when rows of learn.user_stats are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_stats
  for each row
  when (learn_internal.is_off_date(
    greatest(new.last_activity_date, new.registered_on),
    least(new.last_activity_date, new.registered_on))
    or learn_internal.is_off_time(new.last_active_at, new.last_active_at))
  execute function learn_internal.refuse_times('last_activity_date', 'registered_on', 'last_active_at');

create or replace trigger refuse_new_times
  before update of last_activity_date, registered_on, last_active_at on learn.user_stats
  for each row
  when (new.last_activity_date is distinct from old.last_activity_date and learn_internal.is_off_date(new.last_activity_date, new.last_activity_date)
    or new.registered_on is distinct from old.registered_on and learn_internal.is_off_date(new.registered_on, new.registered_on)
    or new.last_active_at is distinct from old.last_active_at and learn_internal.is_off_time(new.last_active_at, new.last_active_at))
  execute function learn_internal.refuse_times('last_activity_date', 'registered_on', 'last_active_at');
