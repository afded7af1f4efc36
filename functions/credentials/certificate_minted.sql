-- Notes the NFT that was minted for a certificate, once: the worker's answer to a message nft_mint.
-- The same again changes nothing.
-- Errors: LX001 blank token, negative serial number; LX003 unknown certificate, or no such
-- transaction of its user; LX010 it was minted as another token, or the token is another's.
create or replace function learn.certificate_minted(
  p_certificate_number text,
  p_token_id           text,
  p_collection_id      text default null,
  p_serial_number      bigint default null,
  p_metadata_uri       text default null,
  p_tx_id              text default null
)
returns boolean
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_certificate learn.nft_certificates;
begin
  perform learn_internal.require_size('p_certificate_number', length(p_certificate_number), 200);
  p_token_id := learn_internal.require_text('p_token_id', p_token_id, 200, true);
  p_collection_id := learn_internal.require_text('p_collection_id', p_collection_id, 200, true);
  p_metadata_uri := learn_internal.require_text('p_metadata_uri', p_metadata_uri, 2000, true);
  perform learn_internal.require_size('p_tx_id', length(p_tx_id), 200);
  perform learn_internal.hold_content();
  if coalesce(p_token_id, '') !~ E'\\S' or p_serial_number < 0 then
    raise exception 'a minted certificate has a token'
      using errcode = 'LX001',
        detail = format('p_token_id = %L, p_serial_number = %s', p_token_id, p_serial_number),
        hint = 'Give the id of the token, and of an NFT in a collection its serial number, from 0.';
  end if;
  select c.* into v_certificate
  from learn.nft_certificates c
  where c.certificate_number = p_certificate_number
  for no key update;
  if not found then
    raise exception 'there is no such certificate'
      using errcode = 'LX003',
        detail = format('p_certificate_number = %s', coalesce(p_certificate_number, 'null')),
        hint = 'Look it up in learn.nft_certificates. It is gone when its user was erased.';
  end if;
  if v_certificate.token_id is not null then
    if (v_certificate.token_id, v_certificate.collection_id, v_certificate.serial_number,
        v_certificate.metadata_uri, v_certificate.tx_id)
      is distinct from (p_token_id, p_collection_id, p_serial_number, p_metadata_uri, p_tx_id)
    then
      raise exception 'the certificate was minted already'
        using errcode = 'LX010',
          detail = format('%s is token %s, serial number %s, transaction %s', p_certificate_number,
            v_certificate.token_id, coalesce(v_certificate.serial_number::text, 'none'),
            coalesce(v_certificate.tx_id, 'none')),
          hint = 'A certificate is minted once; burn the other token.';
    end if;
    return false;
  end if;
  if p_tx_id is not null and not exists (
    select from learn.transactions t
    where t.user_id = v_certificate.user_id and t.tx_id = p_tx_id)
  then
    raise exception 'the user of the certificate has no such transaction'
      using errcode = 'LX003', detail = format('p_tx_id = %s', p_tx_id),
        hint = 'Record it first: learn.record_transaction().';
  end if;
  perform learn_internal.require_new_token(p_token_id, p_collection_id, p_serial_number);
  update learn.nft_certificates c
  set token_id = p_token_id, collection_id = p_collection_id, serial_number = p_serial_number,
    metadata_uri = p_metadata_uri, tx_id = p_tx_id, minted_at = learn.clock()
  where c.user_id = v_certificate.user_id and c.id = v_certificate.id;
  return true;
end;
$$;
comment on function learn.certificate_minted(text, text, text, bigint, text, text) is
  'Notes the NFT that was minted for a certificate, once. True: it is noted now; '
  'false: it was before.';
grant execute on function learn.certificate_minted(text, text, text, bigint, text, text)
  to learn_app;
