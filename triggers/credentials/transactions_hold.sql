-- Before transactions are written: content is held.
create or replace trigger transactions_hold
  before insert or update of course_id, achievement_id on learn.transactions
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger transactions_hold on learn.transactions is 'Keeps content as it is.';
