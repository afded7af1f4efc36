-- Links a wallet to a user, who has proved that it is theirs: the backend has checked the wallet's signature
-- of a text with the nonce, which it had made for this. A nonce serves once, for ever: who has seen a
-- signature cannot use it again, for whichever user. Only its hash is kept, and nobody's name with it.
-- Errors: LX001 malformed address or nonce, or the address is another user's; LX002;
-- LX004 user inactive; LX010 the nonce was used before; LX013.
create or replace function learn.link_wallet(
  p_user_id         uuid,
  p_address         text,
  p_nonce           text,
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
    'link_wallet', p_user_id, jsonb_build_object('address', p_address, 'nonce', p_nonce),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_address', length(p_address), 42);
  perform learn_internal.require_size('p_nonce', length(p_nonce), 200);
  if coalesce(p_address, '') !~ '^0x[0-9A-Fa-f]{40}$' or coalesce(p_nonce, '') !~ '^[!-~]+$' then
    raise exception 'the address or the nonce is malformed'
      using errcode = 'LX001', detail = format('p_address = %L, p_nonce = %L', p_address, p_nonce),
        hint = 'An address is 0x and 40 hexadecimal digits; a nonce is a word of 1 to 200 printable characters.';
  end if;
  insert into learn_internal.wallet_nonces (hash)
  values (encode(sha256(convert_to(p_nonce, 'UTF8')), 'hex'))
  on conflict do nothing;
  if not found then
    raise exception 'the nonce was used before'
      using errcode = 'LX010', detail = format('p_nonce = %L', p_nonce),
        hint = 'Make a new nonce for each link, and have it signed.';
  end if;
  begin
    update learn.users u set evm_address = p_address
    where u.id = p_user_id and u.evm_address is distinct from p_address;
  exception
    when unique_violation then
      raise exception 'the address is linked to another user'
        using errcode = 'LX001', detail = format('p_address = %s', p_address),
          hint = 'The other user can unlink it: learn.update_profile() with {"evm_address": null}.';
  end;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.link_wallet(uuid, text, text, timestamptz, text) is
  'Links a wallet to a user. The nonce is what the wallet has signed and the backend has verified; '
  'each serves once.';
grant execute on function learn.link_wallet(uuid, text, text, timestamptz, text) to learn_app;
