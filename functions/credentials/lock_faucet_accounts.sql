-- Users who ask the faucet for the same account take turns: by locks until the transaction ends,
-- in one order, behind the locks on the users. 256 locks serve all accounts, so that a bulk
-- statement does not fill the table of locks.
create or replace function learn_internal.lock_faucet_accounts(p_accounts text[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock('learn.faucet_requests'::regclass::integer, a.slot)
  from (
    select distinct hashtext(p.account) & 255 as slot
    from unnest(p_accounts) p(account)
    order by slot
  ) a;
end;
$$;
comment on function learn_internal.lock_faucet_accounts(text[]) is
  'Makes users who ask the faucet for the same accounts take turns.';
revoke all on function learn_internal.lock_faucet_accounts(text[]) from public;
