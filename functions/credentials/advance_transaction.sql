-- Moves a transaction forward: pending, submitted, then confirmed or failed. To where it is already
-- changes nothing.
-- Errors: LX001 unknown status; LX003 unknown transaction; LX010 not forward.
create or replace function learn.advance_transaction(
  p_tx_id               text,
  p_status              text,
  p_consensus_timestamp timestamptz default null,
  p_error               text default null
)
returns boolean
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_transaction learn.transactions;
begin
  perform learn_internal.require_size('p_status', length(p_status), 200);
  perform learn_internal.require_size('p_tx_id', length(p_tx_id), 200);
  perform learn_internal.require_size('p_error', length(p_error), 10000);
  perform learn_internal.hold_content();
  if p_status is null or p_status not in ('pending', 'submitted', 'confirmed', 'failed') then
    raise exception 'unknown status'
      using errcode = 'LX001', detail = format('p_status = %L', p_status),
        hint = 'A transaction is pending, submitted, confirmed or failed.';
  end if;
  select t.* into v_transaction
  from learn.transactions t where t.tx_id = p_tx_id
  for no key update;
  if not found then
    raise exception 'unknown transaction'
      using errcode = 'LX003', detail = format('p_tx_id = %s', coalesce(p_tx_id, 'null')),
        hint = 'Record it first: learn.record_transaction().';
  end if;
  if v_transaction.status = p_status then
    return false;
  end if;
  update learn.transactions t
  set status = p_status,
    consensus_timestamp = coalesce(p_consensus_timestamp, t.consensus_timestamp),
    error = coalesce(p_error, t.error)
  where t.user_id = v_transaction.user_id and t.id = v_transaction.id;
  return true;
end;
$$;
comment on function learn.advance_transaction(text, text, timestamptz, text) is
  'Moves a transaction forward: submitted, then confirmed or failed. True: it moved; '
  'false: it was there.';
grant execute on function learn.advance_transaction(text, text, timestamptz, text) to learn_app;
