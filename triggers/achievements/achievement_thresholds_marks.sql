-- When thresholds of achievements change: the totals of XP at which something happens
-- are noted again.
create or replace trigger achievement_thresholds_marks
  after insert or update or delete or truncate on learn_internal.achievement_thresholds
  for each statement
  execute function learn_internal.note_xp_marks();
