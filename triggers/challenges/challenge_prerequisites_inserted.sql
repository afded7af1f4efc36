-- When a challenge gets a prerequisite: no cycle.
create or replace trigger challenge_prerequisites_inserted
  after insert on learn.challenge_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('challenge_id', 'prerequisite_challenge_id');
comment on trigger challenge_prerequisites_inserted on learn.challenge_prerequisites is
  'Refuses a cycle (LX012).';
