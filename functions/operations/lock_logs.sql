-- Takes every lock that making partitions needs: users (for the foreign keys), the log and the ledger.
-- Errors: 55P03, see lock_patiently().
create or replace function learn_internal.lock_logs()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.lock_patiently('
    lock table learn.users, learn.activity_types in share row exclusive mode;
    lock table learn.activity_log, learn.audit_log, learn.xp_transactions in access exclusive mode');
end;
$$;
comment on function learn_internal.lock_logs() is
  'Takes the locks that making partitions needs, all at once or none.';
