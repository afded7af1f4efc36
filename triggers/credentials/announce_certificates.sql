-- When certificates are issued: where NFTs are minted, a worker is asked to.
-- Errors: LX003 the setting is missing.
create or replace function learn_internal.announce_certificates()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from new_certificates)
    or not learn_internal.setting_boolean('nft_minting_enabled')
  then
    return null;
  end if;
  insert into learn.outbox (topic, key, payload)
  select 'nft_mint', n.certificate_number, jsonb_build_object('user_id', n.user_id,
    'course_id', n.course_id, 'certificate_number', n.certificate_number)
  from new_certificates n
  where n.token_id is null and n.revoked_at is null
  order by n.id
  on conflict (topic, key) do nothing;
  return null;
end;
$$;
comment on function learn_internal.announce_certificates() is
  'Statement trigger: asks for the NFTs of new certificates.';
revoke all on function learn_internal.announce_certificates() from public;

create or replace trigger announce_certificates
  after insert on learn.nft_certificates
  referencing new table as new_certificates
  for each statement
  execute function learn_internal.announce_certificates();
comment on trigger announce_certificates on learn.nft_certificates is
  'Asks for the NFTs of new certificates.';
