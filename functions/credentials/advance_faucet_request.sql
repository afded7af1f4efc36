-- Moves a request to the faucet forward: the worker's answer to a message 'faucet'. Submitted, with
-- the transaction that was recorded for it, before the network is asked: so that nothing is paid
-- twice by a worker that died. To where it is already changes nothing.
-- Errors: LX001 unknown status; LX003 unknown request, or no such transaction of the user;
-- LX010 not forward, or another transaction.
create or replace function learn.advance_faucet_request(
  p_user_id    uuid,
  p_request_id bigint,
  p_status     text,
  p_tx_id      text default null,
  p_error      text default null
)
returns boolean
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_request learn.faucet_requests;
begin
  perform learn_internal.require_size('p_status', length(p_status), 200);
  perform learn_internal.require_size('p_tx_id', length(p_tx_id), 200);
  perform learn_internal.require_size('p_error', length(p_error), 10000);
  perform learn_internal.hold_content();
  if p_status is null or p_status not in ('pending', 'submitted', 'completed', 'failed') then
    raise exception 'unknown status'
      using errcode = 'LX001', detail = format('p_status = %L', p_status),
        hint = 'A request is pending, submitted, completed or failed.';
  end if;
  select r.* into v_request
  from learn.faucet_requests r where r.user_id = p_user_id and r.id = p_request_id
  for no key update;
  if not found then
    raise exception 'the user has no such request'
      using errcode = 'LX003',
        detail = format('p_user_id = %s, p_request_id = %s', p_user_id, p_request_id),
        hint = 'Look it up in learn.faucet_requests. It is gone when its user was erased.';
  end if;
  if p_tx_id is not null and not exists (
    select from learn.transactions t where t.user_id = p_user_id and t.tx_id = p_tx_id)
  then
    raise exception 'the user has no such transaction'
      using errcode = 'LX003', detail = format('p_tx_id = %s', p_tx_id),
        hint = 'Record it first: learn.record_transaction().';
  end if;
  if v_request.status = p_status
    and (p_tx_id is null or v_request.tx_id is not distinct from p_tx_id)
  then
    return false;
  end if;
  update learn.faucet_requests r
  set status = p_status, tx_id = coalesce(p_tx_id, r.tx_id), error = coalesce(p_error, r.error)
  where r.user_id = p_user_id and r.id = p_request_id;
  return true;
end;
$$;
comment on function learn.advance_faucet_request(uuid, bigint, text, text, text) is
  'Moves a request to the faucet forward: submitted, then completed or failed. True: it moved; '
  'false: it was there.';
grant execute on function learn.advance_faucet_request(uuid, bigint, text, text, text)
  to learn_app;
