-- What happens when rows of learn.nft_certificates are written, in the order in which triggers fire.
-- Errors: LX003, LX010.

-- Before certificates are written: content is held.
create or replace trigger nft_certificates_hold
  before insert or update of course_id on learn.nft_certificates
  for each statement
  execute function learn_internal.hold_content_first();

-- When certificates are written without what they say: the title of the course, and the day
-- on which the user completed it (today, where that is not known). issue_certificates()
-- says it all.
create or replace function learn_internal.fill_certificates()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.course_title is null then
    select c.title into new.course_title from learn.courses c where c.id = new.course_id;
  end if;
  if new.completed_on is null then
    select (learn_internal.local_date(u.id, coalesce(p.completed_at, learn.clock()))).local_date
    into new.completed_on
    from learn.users u
    left join learn.user_course_progress p on p.user_id = u.id and p.course_id = new.course_id
    where u.id = new.user_id;
  end if;
  return new;
end;
$$;
comment on function learn_internal.fill_certificates() is
  'Row trigger: fills in the title and the day of a certificate.';

create or replace trigger fill_certificates
  before insert on learn.nft_certificates
  for each row
  when (new.course_title is null or new.completed_on is null)
  execute function learn_internal.fill_certificates();

-- When a certificate is changed: what it says stays, its token is written once, and a revocation
-- is final. It goes only with its user. The course goes from it when the course is deleted.
-- Errors: LX010.
create or replace function learn_internal.keep_certificates()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'DELETE' and not exists (select from learn.users u where u.id = old.user_id) then
    return old;  -- goes with its user
  end if;
  if tg_op = 'UPDATE' and learn_internal.is_merging() then
    return new;
  end if;
  raise exception 'a certificate stays as it was issued'
    using errcode = 'LX010', detail = format('certificate %s', old.certificate_number),
      hint = 'Token data are written once, by learn.certificate_minted(); '
        'a wrong certificate is revoked: learn.revoke_certificate().';
end;
$$;
comment on function learn_internal.keep_certificates() is
  'Row trigger: refuses changes of what certificates say, and delete (LX010).';

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

create or replace trigger certificates_stay
  before delete on learn.nft_certificates
  for each row execute function learn_internal.keep_certificates();

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

create or replace trigger announce_certificates
  after insert on learn.nft_certificates
  referencing new table as new_certificates
  for each statement
  execute function learn_internal.announce_certificates();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.nft_certificates
  for each row
  when (learn_internal.is_off_time(
    greatest(new.issued_at, new.minted_at, new.revoked_at),
    least(new.issued_at, new.minted_at, new.revoked_at))
    or learn_internal.is_off_date(new.completed_on, new.completed_on))
  execute function learn_internal.refuse_times('issued_at', 'minted_at', 'revoked_at', 'completed_on');

create or replace trigger refuse_new_times
  before update of issued_at, minted_at, revoked_at, completed_on on learn.nft_certificates
  for each row
  when (new.issued_at is distinct from old.issued_at and learn_internal.is_off_time(new.issued_at, new.issued_at)
    or new.minted_at is distinct from old.minted_at and learn_internal.is_off_time(new.minted_at, new.minted_at)
    or new.revoked_at is distinct from old.revoked_at and learn_internal.is_off_time(new.revoked_at, new.revoked_at)
    or new.completed_on is distinct from old.completed_on and learn_internal.is_off_date(new.completed_on, new.completed_on))
  execute function learn_internal.refuse_times('issued_at', 'minted_at', 'revoked_at', 'completed_on');
