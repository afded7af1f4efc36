-- Before requests to the faucet are written: content is held, as users are locked then.
create or replace trigger faucet_requests_hold
  before insert on learn.faucet_requests
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger faucet_requests_hold on learn.faucet_requests is 'Keeps content as it is.';
