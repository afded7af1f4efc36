-- When lessons are added, published, unpublished, moved or deleted, or their tier changes:
-- this blocks learners.
create or replace trigger lessons_change
  before insert
    or update of is_published, is_available, course_id, course_level_id, difficulty
    or delete on learn.lessons
  for each statement
  execute function learn_internal.change_content();
comment on trigger lessons_change on learn.lessons is 'A change blocks learners.';
