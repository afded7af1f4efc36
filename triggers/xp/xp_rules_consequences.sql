-- When the rules that pay change: what each type of fact can cause is noted with the type.
create or replace trigger xp_rules_consequences
  after insert or update or delete on learn.xp_rules
  for each statement
  execute function learn_internal.note_consequences();
comment on trigger xp_rules_consequences on learn.xp_rules is
  'Notes with activity types what facts can cause.';
