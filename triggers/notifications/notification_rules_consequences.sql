-- When rules of notifications change: which facts are reported is noted with their types.
create or replace trigger notification_rules_consequences
  after insert or update or delete on learn.notification_rules
  for each statement
  execute function learn_internal.note_consequences();
comment on trigger notification_rules_consequences on learn.notification_rules is
  'Notes with activity types which facts are reported.';
