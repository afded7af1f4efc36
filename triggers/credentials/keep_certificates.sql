-- When a certificate is changed: what it says stays, its token is written once, and a revocation
-- is final. The course goes from it when the course is deleted.
-- Errors: LX010.
create or replace function learn_internal.keep_certificates()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'a certificate stays as it was issued'
    using errcode = 'LX010', detail = format('certificate %s', old.certificate_number),
      hint = 'Token data are written once, by learn.certificate_minted(); '
        'a wrong certificate is revoked: learn.revoke_certificate().';
end;
$$;
comment on function learn_internal.keep_certificates() is
  'Row trigger: refuses changes of what certificates say (LX010).';
revoke all on function learn_internal.keep_certificates() from public;

create or replace trigger keep_certificates
  before update on learn.nft_certificates
  for each row
  when (
    (old.user_id, old.id, old.certificate_number, old.verify_code, old.course_title,
      old.completed_on, old.issued_at)
      is distinct from (new.user_id, new.id, new.certificate_number, new.verify_code,
        new.course_title, new.completed_on, new.issued_at)
    or new.course_id <> old.course_id
    or new.course_id is not null and old.course_id is null
    or old.token_id is not null and (old.token_id, old.collection_id, old.serial_number,
      old.metadata_uri, old.tx_id, old.minted_at)
      is distinct from (new.token_id, new.collection_id, new.serial_number,
        new.metadata_uri, new.tx_id, new.minted_at)
    or old.revoked_at is not null and (old.revoked_at, old.revoked_reason)
      is distinct from (new.revoked_at, new.revoked_reason))
  execute function learn_internal.keep_certificates();
comment on trigger keep_certificates on learn.nft_certificates is
  'Refuses changes of what certificates say (LX010).';
