-- Takes every lock that making partitions needs, all at once or none: users (for the foreign keys),
-- the log and the ledger. Tries for short whiles, letting go in between, so that it is never part
-- of a deadlock and never has writers queue behind it for long. Errors: 55P03 after 50 tries.
create or replace function learn_internal.lock_logs()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $$
begin
  for v_try in 1 .. 50 loop
    begin
      lock table learn.users in share row exclusive mode;
      lock table learn.activity_types in share row exclusive mode;
      lock table learn.activity_log in access exclusive mode;
      lock table learn.audit_log in access exclusive mode;
      lock table learn.xp_transactions in access exclusive mode;
      return;
    exception
      when lock_not_available then
        if v_try = 50 then
          raise;
        end if;
    end;
    perform pg_sleep(0.02 * v_try);
  end loop;
end;
$$;
comment on function learn_internal.lock_logs() is
  'Takes the locks that making partitions needs, all at once or none.';
