-- When lessons are added to courses: progress follows.
create or replace trigger lessons_inserted
  after insert on learn.lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');
comment on trigger lessons_inserted on learn.lessons is 'Recounts the courses.';
