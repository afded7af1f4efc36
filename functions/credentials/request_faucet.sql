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
