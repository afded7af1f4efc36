-- Users who ask the faucet for the same account take turns: a lock for each account until
-- the transaction ends, in one order, behind the locks on the users.
create or replace function learn_internal.lock_faucet_accounts(p_accounts text[])
returns void
language plpgsql
volatile
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(a.lock)
  from (
    select distinct hashtextextended('learn.faucet ' || p.account, 0) as lock
    from unnest(p_accounts) p(account)
    order by lock
  ) a;
end;
$$;
comment on function learn_internal.lock_faucet_accounts(text[]) is
  'Has users who ask the faucet for the same accounts take turns.';
revoke all on function learn_internal.lock_faucet_accounts(text[]) from public;
