-- Before attempts at daily challenges are written: content is held.
create or replace trigger daily_challenge_attempts_hold
  before insert on learn.daily_challenge_attempts
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger daily_challenge_attempts_hold on learn.daily_challenge_attempts is
  'Keeps content as it is.';
