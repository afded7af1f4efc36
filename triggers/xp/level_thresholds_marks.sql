-- When the level curve changes: the totals of XP at which something happens are noted again.
create or replace trigger level_thresholds_marks
  after insert or update or delete or truncate on learn.level_thresholds
  for each statement
  execute function learn_internal.note_xp_marks();
comment on trigger level_thresholds_marks on learn.level_thresholds is
  'Notes the totals of XP at which something happens.';
