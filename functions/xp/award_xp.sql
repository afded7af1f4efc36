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
