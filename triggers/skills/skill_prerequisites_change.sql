-- When prerequisites of skills change: this blocks learners.
create or replace trigger skill_prerequisites_change
  before insert or update or delete on learn.skill_prerequisites
  for each statement
  execute function learn_internal.change_content();
comment on trigger skill_prerequisites_change on learn.skill_prerequisites is
  'A change blocks learners.';
