-- When a fact is changed or deleted: refused.
create or replace trigger activity_log_is_append_only
  before update or delete on learn.activity_log
  for each row
  execute function learn_internal.refuse_change();
comment on trigger activity_log_is_append_only on learn.activity_log is
  'Refuses update and delete (LX009).';
