-- The close of a public call that made something the caller has to know of, such as the id
-- of a new row: it stands in the summary's `unlocked`, and so in the answer to a retry too.
create or replace function learn_internal.end_call_with(p_call learn_internal.call, p_made jsonb)
returns learn.award_summary
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_summary learn.award_summary := learn_internal.end_call(p_call);
begin
  v_summary.unlocked := v_summary.unlocked || p_made;
  if p_call.idempotency_key is not null then
    update learn.idempotency_keys k
    set response = to_jsonb(v_summary)
    where k.user_id = p_call.user_id and k.key = p_call.idempotency_key;
  end if;
  return v_summary;
end;
$$;
comment on function learn_internal.end_call_with(learn_internal.call, jsonb) is
  'Closes a public call; the summary''s unlocked says what was made, such as {"reply_id": 7}.';
revoke all on function learn_internal.end_call_with(learn_internal.call, jsonb) from public;
