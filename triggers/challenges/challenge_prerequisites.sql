-- What happens when rows of learn.challenge_prerequisites are written, in the order in which triggers fire.
-- Errors: LX012.

-- When prerequisites of challenges change: this blocks learners.
create or replace trigger challenge_prerequisites_change
  before insert or update or delete on learn.challenge_prerequisites
  for each statement
  execute function learn_internal.change_content();

-- When a challenge gets a prerequisite: no cycle.
create or replace trigger challenge_prerequisites_inserted
  after insert on learn.challenge_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('challenge_id', 'prerequisite_challenge_id');

-- When a challenge's prerequisite changes: no cycle.
create or replace trigger challenge_prerequisites_updated
  after update on learn.challenge_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('challenge_id', 'prerequisite_challenge_id');

-- When prerequisites of challenges are written: no dead end by way of both kinds.
create or replace trigger challenge_prerequisites_wait
  after insert or update on learn.challenge_prerequisites
  for each statement
  execute function learn_internal.refuse_dead_ends();
