-- What happens when rows of learn.old_progress_table are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.old_progress_table
  for each row
  when (learn_internal.is_off_time(new.imported_at, new.imported_at))
  execute function learn_internal.refuse_times('imported_at');

create or replace trigger refuse_new_times
  before update of imported_at on learn.old_progress_table
  for each row
  when (new.imported_at is distinct from old.imported_at and learn_internal.is_off_time(new.imported_at, new.imported_at))
  execute function learn_internal.refuse_times('imported_at');
