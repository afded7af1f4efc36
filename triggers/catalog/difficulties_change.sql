-- When difficulties multiply XP otherwise, or are renamed, which lessons and tracks follow:
-- learners wait.
create or replace trigger difficulties_change
  before update of key, xp_multiplier on learn.difficulties
  for each statement
  execute function learn_internal.change_content();
comment on trigger difficulties_change on learn.difficulties is 'A change has learners wait.';
