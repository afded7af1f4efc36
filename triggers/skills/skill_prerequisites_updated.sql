-- When a skill's prerequisite changes: no cycle.
create or replace trigger skill_prerequisites_updated
  after update on learn.skill_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('skill_id', 'prerequisite_skill_id');
comment on trigger skill_prerequisites_updated on learn.skill_prerequisites is
  'Refuses a cycle (LX012).';
