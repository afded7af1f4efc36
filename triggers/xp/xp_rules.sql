-- What happens when rows of learn.xp_rules are written, in the order in which triggers fire.

-- When the rules that pay change: this blocks learners.
create or replace trigger xp_rules_change
  before insert or update or delete on learn.xp_rules
  for each statement
  execute function learn_internal.change_content();

-- When the rules that pay change: what each type of fact can cause is noted with the type.
create or replace trigger xp_rules_consequences
  after insert or update or delete on learn.xp_rules
  for each statement
  execute function learn_internal.note_consequences();
