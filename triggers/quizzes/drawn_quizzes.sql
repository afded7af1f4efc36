-- When a row of learn.drawn_quizzes is written: it is dated neither ahead of the clock nor absurdly far back; when the
-- quiz ends lies ahead by its nature.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.drawn_quizzes
  for each row
  when (learn_internal.is_off_time(
    greatest(new.started_at, new.closed_at), least(new.started_at, new.closed_at)))
  execute function learn_internal.refuse_times('started_at', 'closed_at');

create or replace trigger refuse_new_times
  before update of started_at, closed_at on learn.drawn_quizzes
  for each row
  when (new.started_at is distinct from old.started_at and learn_internal.is_off_time(new.started_at, new.started_at)
    or new.closed_at is distinct from old.closed_at and learn_internal.is_off_time(new.closed_at, new.closed_at))
  execute function learn_internal.refuse_times('started_at', 'closed_at');
