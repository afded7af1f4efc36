-- When someone empties the default partition: refused.
create or replace trigger audit_log_default_truncate
  before truncate on learn.audit_log_default
  for each statement execute function learn_internal.refuse_audit_change();
