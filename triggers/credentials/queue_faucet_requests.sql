-- Before requests to the faucet are written: content is held, and statements take turns, so that the limits
-- of users and accounts are looked up when all earlier requests are there. One turn for all of them, and
-- before the first row: two statements over the same users or accounts cannot meet at the constraints
-- in opposite orders.
create or replace function learn_internal.queue_faucet_requests()
returns trigger
language plpgsql
volatile
security definer                  -- the locks are the owner's
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.hold_content();
  perform from learn_internal.turns t where t.name = 'faucet' for update;
  return null;
end;
$$;
comment on function learn_internal.queue_faucet_requests() is
  'Statement trigger: requests to the faucet take turns, with content held.';
revoke all on function learn_internal.queue_faucet_requests() from public;

create or replace trigger faucet_requests_hold
  before insert on learn.faucet_requests
  for each statement
  execute function learn_internal.queue_faucet_requests();
comment on trigger faucet_requests_hold on learn.faucet_requests is
  'Requests take turns; keeps content as it is.';
