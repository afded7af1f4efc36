-- When metrics change: what each type of fact can cause is noted with the type.
create or replace trigger metrics_consequences
  after insert or update or delete on learn.metrics
  for each statement
  execute function learn_internal.note_consequences();
comment on trigger metrics_consequences on learn.metrics is
  'Notes with activity types what facts can cause.';
