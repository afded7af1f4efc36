-- When prerequisites of challenges change: this blocks learners.
create or replace trigger challenge_prerequisites_change
  before insert or update or delete on learn.challenge_prerequisites
  for each statement
  execute function learn_internal.change_content();
comment on trigger challenge_prerequisites_change on learn.challenge_prerequisites is
  'A change blocks learners.';
