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
  from learn.xp_transactions t
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

-- Pays XP for one fact, once: with a source id, a second payment for the same source
-- changes nothing and is no error.
-- Errors: LX001 amount is not positive, blank source; LX002; LX004 user inactive; LX013.
create or replace function learn.award_xp(
  p_user_id         uuid,
  p_amount          integer,
  p_source_type     text default 'manual',
  p_source_id       text default null,
  p_description     text default null,
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
  v_call learn_internal.call := learn_internal.begin_call(
    'award_xp', p_user_id,
    jsonb_build_object('amount', p_amount, 'source_type', p_source_type, 'source_id', p_source_id,
      'description', p_description),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if length(p_source_type) > 100
    or length(p_source_id) > 500 or length(p_description) > 2000
  then  -- tested here, without the price of calls
    perform learn_internal.require_size('p_source_type', length(p_source_type), 100);
    perform learn_internal.require_size('p_source_id', length(p_source_id), 500);
    perform learn_internal.require_size('p_description', length(p_description), 2000);
  end if;
  p_description := learn_internal.require_text('p_description', p_description, 2000);
  if p_amount is null or p_amount not between 1 and 1000000000
    or coalesce(p_source_type, '') !~ E'\\S' or p_source_id !~ E'\\S'
  then
    raise exception 'an award is an amount from 1 to 1,000,000,000 from a named source'
      using errcode = 'LX001',
        detail = format('p_amount = %s, p_source_type = %L, p_source_id = %L',
          p_amount, left(p_source_type, 50), left(p_source_id, 50)),
        hint = 'A source''s type has at most 100 characters, its id at most 500. To take XP back, reverse the transaction: learn.reverse_xp().';
  end if;

  if p_source_id is not null then
    insert into learn_internal.recorded_subjects (user_id, activity_type, subject_type, subject_id)
    values (p_user_id, 'xp_awarded', p_source_type, p_source_id)
    on conflict do nothing;
  end if;
  if p_source_id is null or found then
    perform learn_internal.write_facts(
      array[(
        p_user_id, 'xp_awarded',
        case when p_source_id is not null then p_source_type end, p_source_id,
        jsonb_strip_nulls(jsonb_build_object(
          'source_type', p_source_type, 'source_id', p_source_id, 'description', p_description)),
        p_amount, v_call.occurred_at
      )::learn_internal.fact],
      p_idempotency_key);
    perform learn_internal.audit('award_xp', 'xp', p_user_id,
      jsonb_build_object('source_type', p_source_type, 'source_id', p_source_id),
      p_new => jsonb_build_object('amount', p_amount));
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.award_xp(uuid, integer, text, text, text, timestamptz, text) is
  'Pays XP for one fact, once per source id.';
grant execute on function learn.award_xp(uuid, integer, text, text, text, timestamptz, text)
  to learn_app;

-- When levels or the thresholds of achievements change: the totals of XP at which something happens
-- are noted in one place, where the engine sees at a glance that nothing does.
create or replace function learn_internal.note_xp_marks()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  with marks as (
    select t.min_xp as xp from learn.level_thresholds t
    union
    select t.threshold from learn_internal.achievement_thresholds t
    where t.metric = 'xp' and t.scope = ''
  ), gone as (
    delete from learn_internal.xp_marks o
    where not exists (select from marks m where m.xp = o.xp)
  )
  insert into learn_internal.xp_marks (xp)
  select m.xp from marks m
  on conflict do nothing;
  return null;
end;
$$;
comment on function learn_internal.note_xp_marks() is
  'Statement trigger: notes the totals of XP at which something happens.';
