-- Refuses a token that a certificate or an achievement has already.
-- Errors: LX010.
create or replace function learn_internal.require_new_token(
  p_token_id text, p_collection_id text, p_serial_number bigint
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from learn.nft_certificates c
    where c.token_id = p_token_id and c.collection_id is not distinct from p_collection_id
      and c.serial_number is not distinct from p_serial_number)
    or exists (
    select from learn.user_achievements e
    where e.token_id = p_token_id and e.collection_id is not distinct from p_collection_id
      and e.serial_number is not distinct from p_serial_number)
  then
    raise exception 'the token is that of another certificate or achievement'
      using errcode = 'LX010',
        detail = format('token %s, serial number %s', p_token_id, coalesce(p_serial_number::text, 'none')),
        hint = 'In a collection the serial number tells NFTs apart.';
  end if;
end;
$$;
comment on function learn_internal.require_new_token(text, text, bigint) is
  'Refuses a token that a certificate or an achievement has already (LX010).';
