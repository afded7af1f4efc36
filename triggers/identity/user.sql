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

-- What happens when rows of learn.user_timezones are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_timezones
  for each row
  when (learn_internal.is_off_time(new.until, new.until))
  execute function learn_internal.refuse_times('until');

create or replace trigger refuse_new_times
  before update of until on learn.user_timezones
  for each row
  when (new.until is distinct from old.until and learn_internal.is_off_time(new.until, new.until))
  execute function learn_internal.refuse_times('until');
