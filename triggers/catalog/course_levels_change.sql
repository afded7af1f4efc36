-- When levels of courses are added, published, unpublished, moved or deleted: this blocks learners.
create or replace trigger course_levels_change
  before insert or update of is_published, position, course_id or delete on learn.course_levels
  for each statement
  execute function learn_internal.change_content();
comment on trigger course_levels_change on learn.course_levels is 'A change blocks learners.';
