-- Takes back what a transaction paid, by a new negative row. The total never falls below 0:
-- a reversal is cut to what is there, and its description says so. A second reversal
-- of the same transaction changes nothing.
-- Errors: LX001 no reason, or the transaction is itself a reversal; LX002; LX003 no such
-- transaction of this user; LX004 user inactive; LX013.
create or replace function learn.reverse_xp(
  p_user_id         uuid,
  p_transaction_id  bigint,
  p_reason          text,
  p_occurred_at     timestamptz default null,
  p_idempotency_key text default null
)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- crosses from the app role to the ledger
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call   learn_internal.call := learn_internal.begin_call(
    'reverse_xp', p_user_id,
    jsonb_build_object('transaction_id', p_transaction_id, 'reason', p_reason),
    p_occurred_at, p_idempotency_key);
  v_type   text;
  v_amount integer;
  v_taken  integer;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  p_reason := learn_internal.require_text('p_reason', p_reason, 2000);
  select t.amount, t.activity_type into v_amount, v_type
  from learn_internal.all_payments t
  where t.user_id = p_user_id and t.id = p_transaction_id;
  if not found then
    raise exception 'the user has no such transaction'
      using errcode = 'LX003',
        detail = format('p_user_id = %s, p_transaction_id = %s', p_user_id, p_transaction_id),
        hint = 'Look it up in learn.xp_transactions.';
  end if;
  if v_amount < 0 or coalesce(p_reason, '') !~ E'\\S' then
    raise exception 'a reversal takes back a payment, for a reason'
      using errcode = 'LX001',
        detail = format('transaction %s is of %s XP; p_reason = %L',
          p_transaction_id, v_amount, p_reason),
        hint = 'To undo a reversal, pay again: learn.award_xp().';
  end if;

  insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
  values (p_user_id, 'xp_reversed', 'xp_transaction', p_transaction_id::text)
  on conflict do nothing;
  if found then
    v_taken := least(v_amount, v_call.total_xp);
    perform learn_internal.write_facts(
      array[(
        p_user_id, case v_type when 'period_rewarded' then 'period_reward_reversed' else 'xp_reversed' end,
        'xp_transaction', p_transaction_id::text,
        jsonb_build_object('source_type', 'reversal', 'source_id', p_transaction_id::text,
          'description', case
            when v_taken < v_amount
              then format('%s (%s XP, cut to the %s there were)', p_reason, v_amount, v_taken)
            else p_reason end),
        -v_taken, v_call.occurred_at
      )::learn_internal.fact],
      p_idempotency_key);
    perform learn_internal.audit('reverse_xp', 'xp', p_user_id, jsonb_build_object('id', p_transaction_id),
      jsonb_build_object('amount', v_amount), jsonb_build_object('amount', v_amount - v_taken));
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.reverse_xp(uuid, bigint, text, timestamptz, text) is
  'Takes back what a transaction paid, cut to what is there. A second reversal changes nothing.';
grant execute on function learn.reverse_xp(uuid, bigint, text, timestamptz, text) to learn_app;
