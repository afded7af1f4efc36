-- The close of every public function that changes a learner's state: sums up, and keeps the answer for
-- a retry. What the call made and its caller has to know of, such as the id of a new row, stands in the
-- summary's `unlocked`, and so in the answer to a retry too.
create or replace function learn_internal.end_call(
  p_call learn_internal.call, p_made jsonb default null
)
returns learn.award_summary
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_summary learn.award_summary := learn_internal.summarize(p_call);
begin
  if p_made is not null then
    v_summary.unlocked := v_summary.unlocked || p_made;
  end if;
  if p_call.idempotency_key is not null then
    insert into learn.idempotency_keys (user_id, key, function_name, arguments_hash, response)
    values (p_call.user_id, p_call.idempotency_key, p_call.function_name,
      p_call.arguments_hash, to_jsonb(v_summary))
    on conflict do nothing;  -- only a caller with an old snapshot conflicts, and gets 40001
  end if;
  return v_summary;
end;
$$;
comment on function learn_internal.end_call(learn_internal.call, jsonb) is
  'Closes a public call: sums up, and keeps the answer for a retry. p_made: what it made, such as '
  '{"reply_id": 7}.';
