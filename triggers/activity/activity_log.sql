-- What happens when rows of learn.activity_log are written, in the order in which triggers fire.
-- See also complete_activity.sql, process_activities.sql.
-- Errors: LX001, LX002, LX009, LX010.

-- When someone empties the log: refused.
create or replace trigger activity_log_truncate
  before truncate on learn.activity_log
  for each statement
  execute function learn_internal.refuse_truncate();

-- When a fact is changed or deleted: refused.
create or replace trigger activity_log_is_append_only
  before update or delete on learn.activity_log
  for each row
  execute function learn_internal.refuse_change();
