-- When courses are published, unpublished, put into tracks or deleted: this blocks learners.
create or replace trigger courses_change
  before update of is_published, track_id or delete on learn.courses
  for each statement
  execute function learn_internal.change_content();
comment on trigger courses_change on learn.courses is 'A change blocks learners.';
