-- When the rules that pay change: this blocks learners.
create or replace trigger xp_rules_change
  before insert or update or delete on learn.xp_rules
  for each statement
  execute function learn_internal.change_content();
comment on trigger xp_rules_change on learn.xp_rules is 'A change blocks learners.';
