-- When a challenge's prerequisite changes: no cycle.
create or replace trigger challenge_prerequisites_updated
  after update on learn.challenge_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('challenge_id', 'prerequisite_challenge_id');
comment on trigger challenge_prerequisites_updated on learn.challenge_prerequisites is
  'Refuses a cycle (LX012).';
