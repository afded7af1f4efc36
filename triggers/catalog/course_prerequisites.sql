-- What happens when rows of learn.course_prerequisites are written, in the order in which triggers fire.
-- Errors: LX012.

-- When prerequisites of courses change: this blocks learners.
create or replace trigger course_prerequisites_change
  before insert or update or delete on learn.course_prerequisites
  for each statement
  execute function learn_internal.change_content();

-- When a course gets a prerequisite, required or recommended: no cycle.
create or replace trigger course_prerequisites_inserted
  after insert on learn.course_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('course_id', 'prerequisite_course_id');

-- When a course's prerequisite changes: no cycle.
create or replace trigger course_prerequisites_updated
  after update on learn.course_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('course_id', 'prerequisite_course_id');
