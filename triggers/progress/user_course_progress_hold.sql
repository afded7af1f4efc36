-- Before users are enrolled: content is held.
create or replace trigger user_course_progress_hold
  before insert or update on learn.user_course_progress
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger user_course_progress_hold on learn.user_course_progress is
  'Keeps content as it is.';
