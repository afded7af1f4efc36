-- Notes the NFT that was minted for an achievement of a user, once: the worker's answer to a message
-- nft_mint that names an achievement. The same again changes nothing.
-- Errors: LX001 blank token, negative serial number; LX002; LX003 the user does not have the achievement,
-- or no such transaction; LX010 it was minted as another token, or the token is another's.
create or replace function learn.achievement_minted(
  p_user_id       uuid,
  p_slug          text,
  p_token_id      text,
  p_collection_id text default null,
  p_serial_number bigint default null,
  p_metadata_uri  text default null,
  p_tx_id         text default null
)
returns boolean
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_earned learn.user_achievements;
begin
  perform learn_internal.require_size('p_slug', length(p_slug), 200);
  p_token_id := learn_internal.require_text('p_token_id', p_token_id, 200, true);
  p_collection_id := learn_internal.require_text('p_collection_id', p_collection_id, 200, true);
  p_metadata_uri := learn_internal.require_text('p_metadata_uri', p_metadata_uri, 2000, true);
  perform learn_internal.require_size('p_tx_id', length(p_tx_id), 200);
  perform learn_internal.hold_content();
  if coalesce(p_token_id, '') !~ E'\\S' or p_serial_number < 0 then
    raise exception 'a minted achievement has a token'
      using errcode = 'LX001',
        detail = format('p_token_id = %L, p_serial_number = %s', p_token_id, p_serial_number),
        hint = 'Give the id of the token, and of an NFT in a collection its serial number, from 0.';
  end if;
  perform from learn.user_stats s where s.user_id = p_user_id for no key update;
  if not found then
    perform learn_internal.require_user(p_user_id, false,
      p_hint => 'The user may have been erased since; burn the token.');
  end if;
  select e.* into v_earned
  from learn.user_achievements e
  join learn.achievements a on a.id = e.achievement_id
  where e.user_id = p_user_id and a.slug = p_slug;
  if not found then
    raise exception 'the user does not have the achievement'
      using errcode = 'LX003', detail = format('p_user_id = %s, p_slug = %s', p_user_id, coalesce(p_slug, 'null')),
        hint = 'It may have been revoked since: look at learn.user_achievements, and burn the token.';
  end if;
  if v_earned.token_id is not null then
    if (v_earned.token_id, v_earned.collection_id, v_earned.serial_number, v_earned.metadata_uri, v_earned.tx_id)
      is distinct from (p_token_id, p_collection_id, p_serial_number, p_metadata_uri, p_tx_id)
    then
      raise exception 'the achievement was minted already'
        using errcode = 'LX010',
          detail = format('%s is token %s, serial number %s, transaction %s', p_slug, v_earned.token_id,
            coalesce(v_earned.serial_number::text, 'none'), coalesce(v_earned.tx_id, 'none')),
          hint = 'An achievement is minted once; burn the other token.';
    end if;
    return false;
  end if;
  if p_tx_id is not null and not exists (
    select from learn.transactions t where t.user_id = p_user_id and t.tx_id = p_tx_id)
  then
    raise exception 'the user has no such transaction'
      using errcode = 'LX003', detail = format('p_tx_id = %s', p_tx_id),
        hint = 'Record it first: learn.record_transaction().';
  end if;
  perform learn_internal.require_new_token(p_token_id, p_collection_id, p_serial_number);
  update learn.user_achievements e
  set token_id = p_token_id, collection_id = p_collection_id, serial_number = p_serial_number,
    metadata_uri = p_metadata_uri, tx_id = p_tx_id, minted_at = learn.clock()
  where e.user_id = p_user_id and e.achievement_id = v_earned.achievement_id;
  return true;
end;
$$;
comment on function learn.achievement_minted(uuid, text, text, text, bigint, text, text) is
  'Notes the NFT that was minted for an achievement of a user, once. True: it is noted now; false: it was before.';
grant execute on function learn.achievement_minted(uuid, text, text, text, bigint, text, text) to learn_app;
