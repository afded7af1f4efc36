-- What happens when rows of learn.skill_prerequisites are written, in the order in which triggers fire.
-- Errors: LX012.

-- When prerequisites of skills change: this blocks learners.
create or replace trigger skill_prerequisites_change
  before insert or update or delete on learn.skill_prerequisites
  for each statement
  execute function learn_internal.change_content();

-- When a skill gets a prerequisite: no cycle.
create or replace trigger skill_prerequisites_inserted
  after insert on learn.skill_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('skill_id', 'prerequisite_skill_id');

-- When a skill's prerequisite changes: no cycle.
create or replace trigger skill_prerequisites_updated
  after update on learn.skill_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('skill_id', 'prerequisite_skill_id');
