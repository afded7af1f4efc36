-- Before attempts are written: content is held.
create or replace trigger level_attempts_hold
  before insert on learn.level_attempts
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger level_attempts_hold on learn.level_attempts is 'Keeps content as it is.';
