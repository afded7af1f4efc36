-- When the lessons of tracks change: this blocks learners.
create or replace trigger track_lessons_change
  before insert or update or delete on learn.track_lessons
  for each statement
  execute function learn_internal.change_content();
comment on trigger track_lessons_change on learn.track_lessons is 'A change blocks learners.';
