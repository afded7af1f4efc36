-- What happens when rows of learn.streak_freezes are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.streak_freezes
  for each row
  when (learn_internal.is_off_date(
    greatest(new.granted_on, new.used_on),
    least(new.granted_on, new.used_on)))
  execute function learn_internal.refuse_times('granted_on', 'used_on');

create or replace trigger refuse_new_times
  before update of granted_on, used_on on learn.streak_freezes
  for each row
  when (new.granted_on is distinct from old.granted_on and learn_internal.is_off_date(new.granted_on, new.granted_on)
    or new.used_on is distinct from old.used_on and learn_internal.is_off_date(new.used_on, new.used_on))
  execute function learn_internal.refuse_times('granted_on', 'used_on');
