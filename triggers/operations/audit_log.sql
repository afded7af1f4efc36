-- What happens when rows of learn.audit_log are written.
-- Errors: LX009.

-- When somebody changes or empties the log: refused.
-- Errors: LX009.
create or replace function learn_internal.refuse_audit_change()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'audit_log is append-only'
    using errcode = 'LX009', detail = lower(tg_op collate "C"),
      hint = 'Detach a partition of a month that need not be kept any longer.';
end;
$$;
comment on function learn_internal.refuse_audit_change() is
  'Trigger: refuses update, delete and truncate of audit_log (LX009).';

create or replace trigger audit_log_is_append_only
  before update or delete on learn.audit_log
  for each row execute function learn_internal.refuse_audit_change();

create or replace trigger audit_log_truncate
  before truncate on learn.audit_log
  for each statement execute function learn_internal.refuse_audit_change();
