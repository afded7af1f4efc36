-- What happens when rows of learn.notification_rules are written, in the order in which triggers fire.

-- When rules of notifications change: this blocks learners.
create or replace trigger notification_rules_change
  before insert or update or delete on learn.notification_rules
  for each statement
  execute function learn_internal.change_content();

-- When rules of notifications change: which facts are reported is noted with their types.
create or replace trigger notification_rules_consequences
  after insert or update or delete on learn.notification_rules
  for each statement
  execute function learn_internal.note_consequences();
