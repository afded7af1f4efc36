-- What happens when rows of learn.period_standings are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.period_standings
  for each row
  when (learn_internal.is_off_date(new.starts_on, new.starts_on))
  execute function learn_internal.refuse_times('starts_on');

create or replace trigger refuse_new_times
  before update of starts_on on learn.period_standings
  for each row
  when (new.starts_on is distinct from old.starts_on and learn_internal.is_off_date(new.starts_on, new.starts_on))
  execute function learn_internal.refuse_times('starts_on');
