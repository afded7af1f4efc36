-- Before discussions are written: content is held.
create or replace trigger discussions_hold
  before insert or update of course_id on learn.discussions
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger discussions_hold on learn.discussions is 'Keeps content as it is.';
