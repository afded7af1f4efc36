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

-- Asks the faucet for test hbar for an account. A worker pays: it gets a message 'faucet' from
-- the outbox. The request is the newest of the user in learn.faucet_requests. It is of the moment in which
-- it comes in (learn.clock()), whatever p_occurred_at says: nobody gets more by asking late.
-- Errors: LX001 malformed account, amount out of range; LX002; LX004 user inactive;
-- LX008 user or account had something within the interval; LX013.
create or replace function learn.request_faucet(
  p_user_id         uuid,
  p_account         text,
  p_amount          numeric,
  p_ip              inet default null,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call learn_internal.call := learn_internal.begin_call(
    'request_faucet', p_user_id,
    -- not the address: a retry may come from another
    jsonb_build_object('account', p_account, 'amount', trim_scale(p_amount)),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_account', length(p_account), 200);
  if p_amount is null or not (p_amount > 0
      and p_amount <= learn_internal.setting_number('faucet_max_hbar'))
    or scale(trim_scale(p_amount)) > 8
    or coalesce(p_account, '') !~ E'^(0|[1-9][0-9]{0,18})(\\.(0|[1-9][0-9]{0,18})){2}$'
  then
    raise exception 'account or amount is malformed'
      using errcode = 'LX001',
        detail = format('p_account = %L, p_amount = %s', left(p_account, 50), left(p_amount::text, 50)),
        hint = format('An account is like 0.0.1234; the amount is above 0 and at most %s hbar '
          '(setting faucet_max_hbar), with at most 8 decimals.',
          learn_internal.setting_number('faucet_max_hbar'));
  end if;
  -- The turn of the account (with others of the same hash), while no statement of many rows has them all.
  perform from learn_internal.turns t where t.name = 'faucet' for share;
  perform from learn_internal.turns t
  where t.name = 'faucet ' || (hashtextextended(p_account, 0) & 255) for update;
  perform set_config('learn_internal.has_faucet_turn', 'yes', true);
  insert into learn.faucet_requests (user_id, hedera_account_id, amount_hbar, request_ip)
  values (p_user_id, p_account, p_amount, p_ip);
  perform set_config('learn_internal.has_faucet_turn', '', true);
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.request_faucet(uuid, text, numeric, inet, timestamptz, text) is
  'Asks the faucet for test hbar for an account, once per user and per account in 24 hours '
  '(settings). A worker pays.';
grant execute on function learn.request_faucet(uuid, text, numeric, inet, timestamptz, text)
  to learn_app;
