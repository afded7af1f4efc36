-- When exercises are deleted: the lesson may be left solved.
create or replace trigger exercises_deleted
  after delete on learn.exercises
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_lessons', 'lesson_id');
comment on trigger exercises_deleted on learn.exercises is
  'Completes lessons that this leaves solved.';
