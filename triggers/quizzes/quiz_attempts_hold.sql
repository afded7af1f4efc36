-- Before quizzes are written: rules are held.
create or replace trigger quiz_attempts_hold
  before insert on learn.quiz_attempts
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger quiz_attempts_hold on learn.quiz_attempts is 'Keeps rules as they are.';
