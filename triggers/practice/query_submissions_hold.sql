-- Before submissions are written: content is held.
create or replace trigger query_submissions_hold
  before insert on learn.query_submissions
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger query_submissions_hold on learn.query_submissions is 'Keeps content as it is.';
