-- When lessons are deleted, alone or with their level: progress in their courses follows.
-- (Tracks hear of it from the rows of track_lessons that go with them.)
create or replace trigger lessons_deleted
  after delete on learn.lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');
comment on trigger lessons_deleted on learn.lessons is 'Recounts the courses.';
