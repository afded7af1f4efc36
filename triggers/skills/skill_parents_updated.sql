-- When skills get other parents: no cycle.
create or replace trigger skill_parents_updated
  after update on learn.skills
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('id', 'parent_skill_id');
comment on trigger skill_parents_updated on learn.skills is 'Refuses a cycle of parents (LX012).';
