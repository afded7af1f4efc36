-- When skills are added: no cycle of parents.
create or replace trigger skills_inserted
  after insert on learn.skills
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('id', 'parent_skill_id');
comment on trigger skills_inserted on learn.skills is 'Refuses a cycle of parents (LX012).';
