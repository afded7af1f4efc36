-- When someone empties the default partition: refused.
create or replace trigger audit_log_default_truncate
  before truncate on learn.audit_log_default
  for each statement execute function learn_internal.refuse_audit_change();
comment on trigger audit_log_default_truncate on learn.audit_log_default is 'Append-only (LX009).';
