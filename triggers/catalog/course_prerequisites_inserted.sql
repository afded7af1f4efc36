-- When a course gets a prerequisite, required or recommended: no cycle.
create or replace trigger course_prerequisites_inserted
  after insert on learn.course_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('course_id', 'prerequisite_course_id');
comment on trigger course_prerequisites_inserted on learn.course_prerequisites is
  'Refuses a cycle (LX012).';
