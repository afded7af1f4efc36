-- When someone empties the log: refused.
create or replace trigger activity_log_truncate
  before truncate on learn.activity_log
  for each statement
  execute function learn_internal.refuse_truncate();
comment on trigger activity_log_truncate on learn.activity_log is 'Refuses truncate (LX009).';
