-- When difficulties multiply XP otherwise: learners wait.
create or replace trigger difficulties_change
  before update of xp_multiplier on learn.difficulties
  for each statement
  execute function learn_internal.change_content();
comment on trigger difficulties_change on learn.difficulties is 'A change has learners wait.';
