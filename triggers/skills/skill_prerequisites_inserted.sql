-- When a skill gets a prerequisite: no cycle.
create or replace trigger skill_prerequisites_inserted
  after insert on learn.skill_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('skill_id', 'prerequisite_skill_id');
comment on trigger skill_prerequisites_inserted on learn.skill_prerequisites is
  'Refuses a cycle (LX012).';
