-- When levels of courses are deleted: progress follows, and the level behind may be due.
create or replace trigger course_levels_deleted
  after delete on learn.course_levels
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');
comment on trigger course_levels_deleted on learn.course_levels is 'Recounts the courses.';
