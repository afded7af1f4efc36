-- When lessons are published, unpublished or deleted: learners wait.
create or replace trigger lessons_change
  before update of is_published or delete on learn.lessons
  for each statement
  execute function learn_internal.change_content();
comment on trigger lessons_change on learn.lessons is 'A change has learners wait.';
