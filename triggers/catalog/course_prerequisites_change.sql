-- When prerequisites of courses change: this blocks learners.
create or replace trigger course_prerequisites_change
  before insert or update or delete on learn.course_prerequisites
  for each statement
  execute function learn_internal.change_content();
comment on trigger course_prerequisites_change on learn.course_prerequisites is
  'A change blocks learners.';
