-- When enrolments are deleted, alone or with the course: the tracks concerned are recounted.
create or replace trigger course_progress_deleted
  after delete on learn.user_course_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.recount_lost_items('courses', 'course_id');
comment on trigger course_progress_deleted on learn.user_course_progress is 'Recounts tracks.';
