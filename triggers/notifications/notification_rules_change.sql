-- When rules of notifications change: this blocks learners.
create or replace trigger notification_rules_change
  before insert or update or delete on learn.notification_rules
  for each statement
  execute function learn_internal.change_content();
comment on trigger notification_rules_change on learn.notification_rules is
  'A change blocks learners.';
