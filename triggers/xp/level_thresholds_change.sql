-- When the level curve changes: this blocks learners.
create or replace trigger level_thresholds_change
  before insert or update or delete or truncate on learn.level_thresholds
  for each statement
  execute function learn_internal.change_content();
comment on trigger level_thresholds_change on learn.level_thresholds is
  'A change blocks learners.';
