-- When courses get levels: those that are due are unlocked.
create or replace trigger course_levels_inserted
  after insert on learn.course_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');
comment on trigger course_levels_inserted on learn.course_levels is 'Recounts the courses.';
