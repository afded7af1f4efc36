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
