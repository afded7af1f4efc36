-- What happens when rows of learn.closed_periods are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.closed_periods
  for each row
  when (learn_internal.is_off_time(new.closed_at, new.closed_at)
    or learn_internal.is_off_date(new.starts_on, new.starts_on))
  execute function learn_internal.refuse_times('closed_at', 'starts_on');

create or replace trigger refuse_new_times
  before update of closed_at, starts_on on learn.closed_periods
  for each row
  when (new.closed_at is distinct from old.closed_at and learn_internal.is_off_time(new.closed_at, new.closed_at)
    or new.starts_on is distinct from old.starts_on and learn_internal.is_off_date(new.starts_on, new.starts_on))
  execute function learn_internal.refuse_times('closed_at', 'starts_on');
