-- When difficulties multiply XP differently, or are renamed, which lessons and tracks follow:
-- this blocks learners.
create or replace trigger difficulties_change
  before update of key, xp_multiplier on learn.difficulties
  for each statement
  execute function learn_internal.change_content();
comment on trigger difficulties_change on learn.difficulties is 'A change blocks learners.';
