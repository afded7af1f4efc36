-- What happens when rows of learn.course_prerequisites are written, in the order in which triggers fire.
-- Errors: LX012.

-- When prerequisites of courses change: this blocks learners.
create or replace trigger course_prerequisites_change
  before insert or update or delete on learn.course_prerequisites
  for each statement
  execute function learn_internal.change_content();
comment on trigger course_prerequisites_change on learn.course_prerequisites is
  'A change blocks learners.';

-- When a course gets a prerequisite, required or recommended: no cycle.
create or replace trigger course_prerequisites_inserted
  after insert on learn.course_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('course_id', 'prerequisite_course_id');
comment on trigger course_prerequisites_inserted on learn.course_prerequisites is
  'Refuses a cycle (LX012).';

-- When a course's prerequisite changes: no cycle.
create or replace trigger course_prerequisites_updated
  after update on learn.course_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('course_id', 'prerequisite_course_id');
comment on trigger course_prerequisites_updated on learn.course_prerequisites is
  'Refuses a cycle (LX012).';
