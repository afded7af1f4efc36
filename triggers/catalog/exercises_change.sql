-- When a lesson's exercises change: this blocks learners.
create or replace trigger exercises_change
  before insert or update of is_published, lesson_id or delete on learn.exercises
  for each statement
  execute function learn_internal.change_content();
comment on trigger exercises_change on learn.exercises is 'A change blocks learners.';
