-- Credentials and notifications

set role learn_owner;

-- functions/credentials/open_badge.sql

-- An AchievementCredential of Open Badges 3.0 (in the data model of W3C Verifiable
-- Credentials 2.0), unsigned: whoever holds the issuer's key adds the proof.
-- Errors: LX003 a setting of the issuer is missing or empty.
create or replace function learn_internal.open_badge(
  p_id          text,
  p_valid_from  timestamptz,
  p_recipient   text,
  p_achievement jsonb
)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := learn_internal.setting_string('issuer_name');
  v_url  text := learn_internal.setting_string('issuer_url');
begin
  if v_name !~ E'\\S' or v_url !~ E'^[a-z][a-z0-9+.-]*:\\S+$'
    or p_id !~ E'^[a-z][a-z0-9+.-]*:\\S+$'
  then
    raise exception 'nobody issues credentials yet'
      using errcode = 'LX003',
        detail = format('issuer_name = %L, issuer_url = %L, credential_url = %L',
          v_name, v_url, learn_internal.setting_string('credential_url')),
        hint = 'Set all three in learn.platform_settings; the last two are URLs.';
  end if;
  return jsonb_build_object(
    '@context', jsonb_build_array(
      'https://www.w3.org/ns/credentials/v2',
      'https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json'),
    'id', p_id,
    'type', jsonb_build_array('VerifiableCredential', 'OpenBadgeCredential'),
    'name', p_achievement ->> 'name',
    'issuer', jsonb_build_object('id', v_url, 'type', jsonb_build_array('Profile'), 'name', v_name),
    'validFrom', to_char(p_valid_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'credentialSubject', jsonb_build_object(
      'id', p_id || '#recipient',
      'type', jsonb_build_array('AchievementSubject'),
      'achievement', p_achievement)
      || case when p_recipient is null then '{}' else jsonb_build_object(
        'identifier', jsonb_build_array(jsonb_build_object(
          'type', 'IdentityObject', 'identityType', 'name',
          'hashed', false, 'identityHash', p_recipient))) end);
end;
$$;
comment on function learn_internal.open_badge(text, timestamptz, text, jsonb) is
  'An unsigned AchievementCredential of Open Badges 3.0.';

-- functions/credentials/public_name.sql

-- The name under which credentials of a user are shown: the display name, as it is today;
-- none where there is none, or where the user's preferences say {"name_on_credentials": false}.
create or replace function learn_internal.public_name(p_user_id uuid)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select nullif(btrim(u.display_name), '')
  from learn.users u
  where u.id = p_user_id and u.preferences -> 'name_on_credentials' is distinct from 'false';
$$;
comment on function learn_internal.public_name(uuid) is
  'Hook: the name under which credentials of a user are shown; null: none.';

-- functions/credentials/achievement_credential.sql

-- An earned achievement as an Open Badge; null when the user has not earned it. Its id is a hash,
-- so that it is the same each time and tells nobody the user's id.
-- Errors: LX002; LX003 unknown achievement, or a setting of the issuer is missing or empty.
create or replace function learn.achievement_credential(p_user_id uuid, p_slug text)
returns jsonb
language plpgsql
stable
security definer                  -- reads settings and names for the caller
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_achievement learn.achievements;
  v_earned_at   timestamptz;
  v_id          text;
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  v_achievement := learn_internal.require_achievement(p_slug, false);
  select u.earned_at into v_earned_at
  from learn.user_achievements u
  where u.user_id = p_user_id and u.achievement_id = v_achievement.id;
  if not found then
    return null;
  end if;
  v_id := rtrim(learn_internal.setting_string('credential_url'), '/') || '/achievements/' || p_slug;
  return learn_internal.open_badge(
    v_id || '/' || left(encode(sha256(convert_to(
      p_user_id || ' ' || p_slug || ' ' || extract(epoch from v_earned_at), 'UTF8')), 'hex'), 32),
    v_earned_at, learn_internal.public_name(p_user_id),
    jsonb_strip_nulls(jsonb_build_object(
      'id', v_id,
      'type', jsonb_build_array('Achievement'),
      'achievementType', 'Badge',
      'name', v_achievement.name,
      'description', coalesce(nullif(v_achievement.description, ''), v_achievement.name),
      'criteria', jsonb_build_object('narrative',
        coalesce(nullif(v_achievement.description, ''), v_achievement.name)),
      'image', case when v_achievement.icon ~ E'^https?://\\S+$' then
        jsonb_build_object('id', v_achievement.icon, 'type', 'Image') end)));
end;
$$;
comment on function learn.achievement_credential(uuid, text) is
  'An earned achievement as an unsigned credential of Open Badges 3.0; '
  'null when the user has not earned it.';
grant execute on function learn.achievement_credential(uuid, text) to learn_app, learn_user, learn_readonly;

-- functions/credentials/record_transaction.sql

-- Notes a transaction on the network before it is submitted, and returns its id. The network's own
-- id is the key: the same again returns the same row.
-- Errors: LX001 malformed id, type, account or amount; LX002; LX003 unknown course or achievement;
-- LX010 the transaction is there with other data.
create or replace function learn.record_transaction(
  p_user_id        uuid,
  p_tx_id          text,
  p_tx_type        text,
  p_amount_hbar    numeric default 0,
  p_from_account   text default null,
  p_to_account     text default null,
  p_course_id      bigint default null,
  p_achievement_id bigint default null
)
returns bigint
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_id       bigint;
  v_earlier  learn.transactions;
begin
  perform learn_internal.require_size('p_tx_id', length(p_tx_id), 200);
  perform learn_internal.require_size('p_tx_type', length(p_tx_type), 100);
  perform learn_internal.require_size('p_from_account', length(p_from_account), 200);
  perform learn_internal.require_size('p_to_account', length(p_to_account), 200);
  if coalesce(p_tx_id, '') !~ '^[!-~]+$' or length(p_tx_id) > 200
    or coalesce(p_tx_type, '') !~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'
    or p_from_account !~ '^[!-~]+$' or p_to_account !~ '^[!-~]+$'
    or length(p_from_account) > 200 or length(p_to_account) > 200
    or p_amount_hbar is null or not p_amount_hbar between 0 and 100000000000
    or scale(trim_scale(p_amount_hbar)) > 8
  then
    raise exception 'the transaction is malformed'
      using errcode = 'LX001',
        detail = format('p_tx_id = %L, p_tx_type = %L, p_amount_hbar = %s, from %L to %L',
          left(p_tx_id, 50), left(p_tx_type, 50), left(p_amount_hbar::text, 50), left(p_from_account, 50),
          left(p_to_account, 50)),
        hint = 'Ids and accounts are words of at most 200 characters, the type is in lower case, '
          'the amount is 0 or more, in hbar with at most 8 decimals.';
  end if;
  perform learn_internal.require_user(p_user_id);
  perform learn_internal.hold_content();
  if p_course_id is not null and not exists (
      select from learn.courses c where c.id = p_course_id)
    or p_achievement_id is not null and not exists (
      select from learn.achievements a where a.id = p_achievement_id)
  then
    raise exception 'there is no such course or achievement'
      using errcode = 'LX003',
        detail = format('p_course_id = %s, p_achievement_id = %s', p_course_id, p_achievement_id),
        hint = 'Look it up in learn.courses or learn.achievements.';
  end if;

  insert into learn.transactions
    (user_id, tx_id, tx_type, amount_hbar, from_account, to_account, course_id, achievement_id)
  values (p_user_id, p_tx_id, p_tx_type, p_amount_hbar, p_from_account, p_to_account,
    p_course_id, p_achievement_id)
  on conflict do nothing  -- of whichever key: that of (user_id, tx_id) may be found first
  returning id into v_id;
  if found then
    return v_id;
  end if;
  select t.* into v_earlier from learn.transactions t where t.tx_id = p_tx_id;
  if (v_earlier.user_id, v_earlier.tx_type, v_earlier.amount_hbar, v_earlier.from_account,
      v_earlier.to_account)
    is distinct from (p_user_id, p_tx_type, p_amount_hbar, p_from_account, p_to_account)
    -- what was deleted since is null in the row
    or v_earlier.course_id <> coalesce(p_course_id, 0)
    or v_earlier.achievement_id <> coalesce(p_achievement_id, 0)
  then
    raise exception 'the transaction is there with other data'
      using errcode = 'LX010',
        detail = format('%s: %s of %s hbar from %s to %s', p_tx_id, v_earlier.tx_type,
          v_earlier.amount_hbar, coalesce(v_earlier.from_account, 'nobody'),
          coalesce(v_earlier.to_account, 'nobody')),
        hint = 'Each transaction has an id of its own.';
  end if;
  return v_earlier.id;
end;
$$;
comment on function learn.record_transaction(
  uuid, text, text, numeric, text, text, bigint, bigint) is
  'Notes a transaction on the network, pending, and returns its id; again, the same one.';
grant execute on function learn.record_transaction(
  uuid, text, text, numeric, text, text, bigint, bigint) to learn_app;

-- functions/credentials/advance_transaction.sql

-- Moves a transaction forward: pending, submitted, then confirmed or failed. To where it is already
-- changes nothing.
-- Errors: LX001 unknown status; LX003 unknown transaction; LX010 not forward.
create or replace function learn.advance_transaction(
  p_tx_id               text,
  p_status              text,
  p_consensus_timestamp timestamptz default null,
  p_error               text default null
)
returns boolean
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_transaction learn.transactions;
begin
  perform learn_internal.require_size('p_status', length(p_status), 200);
  perform learn_internal.require_size('p_tx_id', length(p_tx_id), 200);
  perform learn_internal.require_size('p_error', length(p_error), 10000);
  perform learn_internal.hold_content();
  if p_status is null or p_status not in ('pending', 'submitted', 'confirmed', 'failed') then
    raise exception 'unknown status'
      using errcode = 'LX001', detail = format('p_status = %L', p_status),
        hint = 'A transaction is pending, submitted, confirmed or failed.';
  end if;
  select t.* into v_transaction
  from learn.transactions t where t.tx_id = p_tx_id
  for no key update;
  if not found then
    raise exception 'unknown transaction'
      using errcode = 'LX003', detail = format('p_tx_id = %s', coalesce(p_tx_id, 'null')),
        hint = 'Record it first: learn.record_transaction().';
  end if;
  if v_transaction.status = p_status then
    return false;
  end if;
  update learn.transactions t
  set status = p_status,
    consensus_timestamp = coalesce(p_consensus_timestamp, t.consensus_timestamp),
    error = coalesce(p_error, t.error)
  where t.user_id = v_transaction.user_id and t.id = v_transaction.id;
  return true;
end;
$$;
comment on function learn.advance_transaction(text, text, timestamptz, text) is
  'Moves a transaction forward: submitted, then confirmed or failed. True: it moved; '
  'false: it was there.';
grant execute on function learn.advance_transaction(text, text, timestamptz, text) to learn_app;

-- functions/credentials/advance_faucet_request.sql

-- Moves a request to the faucet forward: the worker's answer to a message 'faucet'. Submitted, with
-- the transaction that was recorded for it, before the network is asked: so that nothing is paid
-- twice by a worker that died. To where it is already changes nothing.
-- Errors: LX001 unknown status; LX003 unknown request, or no such transaction of the user;
-- LX010 not forward, or another transaction.
create or replace function learn.advance_faucet_request(
  p_user_id    uuid,
  p_request_id bigint,
  p_status     text,
  p_tx_id      text default null,
  p_error      text default null
)
returns boolean
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_request learn.faucet_requests;
begin
  perform learn_internal.require_size('p_status', length(p_status), 200);
  perform learn_internal.require_size('p_tx_id', length(p_tx_id), 200);
  perform learn_internal.require_size('p_error', length(p_error), 10000);
  perform learn_internal.hold_content();
  if p_status is null or p_status not in ('pending', 'submitted', 'completed', 'failed') then
    raise exception 'unknown status'
      using errcode = 'LX001', detail = format('p_status = %L', p_status),
        hint = 'A request is pending, submitted, completed or failed.';
  end if;
  select r.* into v_request
  from learn.faucet_requests r where r.user_id = p_user_id and r.id = p_request_id
  for no key update;
  if not found then
    raise exception 'the user has no such request'
      using errcode = 'LX003',
        detail = format('p_user_id = %s, p_request_id = %s', p_user_id, p_request_id),
        hint = 'Look it up in learn.faucet_requests. It is gone when its user was erased.';
  end if;
  if p_tx_id is not null and not exists (
    select from learn.transactions t where t.user_id = p_user_id and t.tx_id = p_tx_id)
  then
    raise exception 'the user has no such transaction'
      using errcode = 'LX003', detail = format('p_tx_id = %s', p_tx_id),
        hint = 'Record it first: learn.record_transaction().';
  end if;
  if v_request.status = p_status
    and (p_tx_id is null or v_request.tx_id is not distinct from p_tx_id)
  then
    return false;
  end if;
  update learn.faucet_requests r
  set status = p_status, tx_id = coalesce(p_tx_id, r.tx_id), error = coalesce(p_error, r.error)
  where r.user_id = p_user_id and r.id = p_request_id;
  return true;
end;
$$;
comment on function learn.advance_faucet_request(uuid, bigint, text, text, text) is
  'Moves a request to the faucet forward: submitted, then completed or failed. True: it moved; '
  'false: it was there.';
grant execute on function learn.advance_faucet_request(uuid, bigint, text, text, text)
  to learn_app;

-- functions/credentials/request_faucet.sql

-- Asks the faucet for test hbar for an account. A worker pays: it gets a message 'faucet' from
-- the outbox. The request is the newest of the user in learn.faucet_requests. It is of the moment in which
-- it comes in (learn.clock()), whatever p_occurred_at says: nobody gets more by asking late.
-- Errors: LX001 malformed account, amount out of range; LX002; LX004 user inactive;
-- LX008 user or account had something within the interval; LX013.
create or replace function learn.request_faucet(
  p_user_id         uuid,
  p_account         text,
  p_amount          numeric,
  p_ip              inet default null,
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
    'request_faucet', p_user_id,
    -- not the address: a retry may come from another
    jsonb_build_object('account', p_account, 'amount', trim_scale(p_amount)),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_account', length(p_account), 200);
  if p_amount is null or not (p_amount > 0
      and p_amount <= learn_internal.setting_number('faucet_max_hbar'))
    or scale(trim_scale(p_amount)) > 8
    or coalesce(p_account, '') !~ E'^(0|[1-9][0-9]{0,18})(\\.(0|[1-9][0-9]{0,18})){2}$'
  then
    raise exception 'account or amount is malformed'
      using errcode = 'LX001',
        detail = format('p_account = %L, p_amount = %s', left(p_account, 50), left(p_amount::text, 50)),
        hint = format('An account is like 0.0.1234; the amount is above 0 and at most %s hbar '
          '(setting faucet_max_hbar), with at most 8 decimals.',
          learn_internal.setting_number('faucet_max_hbar'));
  end if;
  -- The turn of the account (with others of the same hash), while no statement of many rows has them all.
  perform from learn_internal.turns t where t.name = 'faucet' for share;
  perform from learn_internal.turns t
  where t.name = 'faucet ' || (hashtextextended(p_account, 0) & 255) for update;
  perform set_config('learn_internal.has_faucet_turn', 'yes', true);
  insert into learn.faucet_requests (user_id, hedera_account_id, amount_hbar, request_ip)
  values (p_user_id, p_account, p_amount, p_ip);
  perform set_config('learn_internal.has_faucet_turn', '', true);
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.request_faucet(uuid, text, numeric, inet, timestamptz, text) is
  'Asks the faucet for test hbar for an account, once per user and per account in 24 hours '
  '(settings). A worker pays.';
grant execute on function learn.request_faucet(uuid, text, numeric, inet, timestamptz, text)
  to learn_app;

-- functions/credentials/verify_certificate.sql

-- What anybody may know who holds a certificate's code: what the certificate says, and whether
-- it is valid. No row for an unknown code. A code may be typed with hyphens, blanks and capitals.
-- Errors: LX001 the code has more than 1,000 characters.
create or replace function learn.verify_certificate(p_code text)
returns table (
  certificate_number text, course_title text, recipient text, completed_on date,
  issued_at timestamptz, is_valid boolean, token_id text
)
language plpgsql
stable
security definer                  -- the code is readable by no app role
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_size('p_code', length(p_code), 1000);
  return query
  select c.certificate_number, c.course_title, learn_internal.public_name(c.user_id),
    c.completed_on, c.issued_at, c.revoked_at is null, c.token_id
  from learn.nft_certificates c
  where c.verify_code in (p_code, lower(regexp_replace(p_code, '[-[:space:]]', '', 'g')))
  order by c.verify_code = p_code desc
  limit 1;
end;
$$;
comment on function learn.verify_certificate(text) is
  'What a certificate says, and whether it is valid, for whoever holds its code. '
  'No row for an unknown code. The recipient is the display name, or null.';
grant execute on function learn.verify_certificate(text) to learn_app, learn_user, learn_readonly;

-- functions/credentials/certificate_credential.sql

-- A certificate as an Open Badge, for whoever holds its code. Null for an unknown code
-- and for a certificate that was revoked.
-- Errors: LX003 a setting of the issuer is missing or empty.
create or replace function learn.certificate_credential(p_code text)
returns jsonb
language plpgsql
stable
security definer                  -- the code is readable by no app role
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_number      text;
  v_certificate learn.nft_certificates;
  v_course      learn.courses;
  v_url         text := rtrim(learn_internal.setting_string('credential_url'), '/');
  v_id          text;
begin
  select v.certificate_number into v_number
  from learn.verify_certificate(p_code) v
  where v.is_valid;
  if not found then
    return null;
  end if;
  select c.* into v_certificate
  from learn.nft_certificates c where c.certificate_number = v_number;
  select c.* into v_course from learn.courses c where c.id = v_certificate.course_id;
  v_id := v_url || '/certificates/' || v_certificate.verify_code;
  return learn_internal.open_badge(
    v_id, v_certificate.issued_at, learn_internal.public_name(v_certificate.user_id),
    jsonb_strip_nulls(jsonb_build_object(
      'id', coalesce(v_url || '/courses/' || v_course.slug, v_id || '#achievement'),
      'type', jsonb_build_array('Achievement'),
      'achievementType', 'Course',
      'name', v_certificate.course_title,
      'description', coalesce(nullif(v_course.description, ''), v_certificate.course_title),
      'criteria', jsonb_build_object(
        'narrative', format('Completed the course “%s”.', v_certificate.course_title)),
      'image', case when v_course.icon_url ~ E'^https?://\\S+$' then
        jsonb_build_object('id', v_course.icon_url, 'type', 'Image') end)));
end;
$$;
comment on function learn.certificate_credential(text) is
  'A certificate as an unsigned credential of Open Badges 3.0, for whoever holds its code; '
  'null for an unknown code or a revoked certificate.';
grant execute on function learn.certificate_credential(text) to learn_app, learn_user, learn_readonly;

-- functions/credentials/revoke_certificate.sql

-- Declares a certificate invalid, for a reason: verify_certificate() says so from then on.
-- The row stays, so that the course does not give another. Again, it changes nothing.
-- Errors: LX001 no reason; LX003 unknown certificate.
create or replace function learn.revoke_certificate(p_certificate_number text, p_reason text)
returns boolean
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_user_id uuid;
begin
  perform learn_internal.require_size('p_certificate_number', length(p_certificate_number), 200);
  p_reason := learn_internal.require_text('p_reason', p_reason, 2000);
  perform learn_internal.hold_content();
  if coalesce(p_reason, '') !~ E'\\S' then
    raise exception 'a certificate is revoked for a reason'
      using errcode = 'LX001', detail = format('p_reason = %L', p_reason),
        hint = 'Say why: learn.nft_certificates.revoked_reason keeps it.';
  end if;
  update learn.nft_certificates c
  set revoked_at = learn.clock(), revoked_reason = p_reason
  where c.certificate_number = p_certificate_number and c.revoked_at is null
  returning c.user_id into v_user_id;
  if found then
    perform learn_internal.audit('revoke_certificate', 'certificate', v_user_id,
      jsonb_build_object('certificate_number', p_certificate_number));
    return true;
  end if;
  if not exists (
    select from learn.nft_certificates c where c.certificate_number = p_certificate_number)
  then
    raise exception 'there is no such certificate'
      using errcode = 'LX003',
        detail = format('p_certificate_number = %s', coalesce(p_certificate_number, 'null')),
        hint = 'Look it up in learn.nft_certificates.';
  end if;
  return false;
end;
$$;
comment on function learn.revoke_certificate(text, text) is
  'Declares a certificate invalid, for a reason. True: it is now; false: it was before.';
grant execute on function learn.revoke_certificate(text, text) to learn_app;

-- functions/credentials/achievement_minted.sql

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

-- functions/credentials/certificate_minted.sql

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

-- functions/credentials/certificates.sql

-- A user's own certificates with what only the user is to see: the codes to verify them by.
-- Errors: LX002.
create or replace function learn.certificates(p_user_id uuid)
returns table (
  course_id bigint, certificate_number text, verify_code text, course_title text,
  completed_on date, issued_at timestamptz, is_valid boolean, revoked_reason text,
  token_id text, collection_id text, serial_number bigint, metadata_uri text,
  tx_id text, hashscan_url text
)
language plpgsql
stable
security definer                  -- verify_code is readable by no app role
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  return query
  select c.course_id, c.certificate_number, c.verify_code, c.course_title,
    c.completed_on, c.issued_at, c.revoked_at is null, c.revoked_reason,
    c.token_id, c.collection_id, c.serial_number, c.metadata_uri, c.tx_id, t.hashscan_url
  from learn.nft_certificates c
  left join learn.transactions t on t.user_id = c.user_id and t.tx_id = c.tx_id
  where c.user_id = p_user_id
  order by c.id;
end;
$$;
comment on function learn.certificates(uuid) is
  'A user''s own certificates in order of issue, with the codes to verify them by: '
  'for the user''s eyes.';
grant execute on function learn.certificates(uuid) to learn_app, learn_user;

-- functions/credentials/issue_certificates.sql

-- Issues the certificates of completed courses (parallel arrays: who, which course, when).
-- Whoever has one keeps it as it is. The caller has locked the users.
create or replace function learn_internal.issue_certificates(
  p_user_ids uuid[], p_course_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
begin
  if coalesce(cardinality(p_user_ids), 0) = 0 then
    return;
  end if;
  insert into learn.nft_certificates (user_id, course_id, course_title, completed_on)
  select d.user_id, d.course_id, c.title, (learn_internal.local_date(d.user_id, d.at)).local_date
  from (
    select p.user_id, p.course_id, min(p.at) as at
    from unnest(p_user_ids, p_course_ids, p_at) p(user_id, course_id, at)
    group by p.user_id, p.course_id
  ) d
  join learn.users u on u.id = d.user_id
  join learn.courses c on c.id = d.course_id
  where not exists (
    select from learn.nft_certificates e
    where e.user_id = d.user_id and e.course_id = d.course_id)
  order by d.user_id, d.at, d.course_id
  on conflict (user_id, course_id) do nothing;
end;
$$;
comment on function learn_internal.issue_certificates(uuid[], bigint[], timestamptz[]) is
  'Issues the certificates of completed courses: who, which course, when. Once each.';

-- functions/credentials/is_next_status.sql

-- Whether a transaction or a request to the faucet may go from one status to another.
-- Forward only: submitted before it is confirmed or completed, so that what is under way is always
-- known; pending ones may fail without having been submitted.
create or replace function learn_internal.is_next_status(p_from text, p_to text)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select (p_from, p_to) in (
    ('pending', 'submitted'), ('pending', 'failed'),
    ('submitted', 'confirmed'), ('submitted', 'completed'), ('submitted', 'failed'));
$$;
comment on function learn_internal.is_next_status(text, text) is
  'Whether a transaction or a request to the faucet may go from one status to another.';

-- views/credentials/credential_damage.sql

-- Where certificates and messages are missing: the part of check_integrity() about credentials.
create or replace view learn_internal.credential_damage (check_name, user_id, expected, actual) as
select 'completed_courses_have_certificates', p.user_id,
  format('a certificate for course %s', p.course_id), 'none'
from learn.user_course_progress p
where p.completed_at is not null and not exists (
  select from learn.nft_certificates c
  where c.user_id = p.user_id and c.course_id = p.course_id)
union all
select 'pending_faucet_requests_have_a_message', r.user_id,
  format('a message for request %s', r.id), 'none'
from learn.faucet_requests r
where r.status = 'pending' and not exists (
  select from learn.outbox o
  where o.topic = 'faucet' and o.key = r.user_id || ' ' || r.id);
comment on view learn_internal.credential_damage is
  'Where certificates and messages are missing; no row when all is well.';

-- triggers/credentials/nft_certificates.sql

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

-- triggers/credentials/faucet_requests.sql

-- What happens when rows of learn.faucet_requests are written, in the order in which triggers fire.
-- Errors: LX001, LX003, LX008, LX010.

-- Before requests to the faucet are written: content is held, and statements take turns, so that the limits
-- of users and accounts are looked up when all earlier requests are there. One turn for all of them, and
-- before the first row: two statements over the same users or accounts cannot meet at the constraints
-- in opposite orders. request_faucet() writes one row and has the turn of its account already: it says so,
-- and learners do not wait for each other.
create or replace function learn_internal.queue_faucet_requests()
returns trigger
language plpgsql
volatile
security definer                  -- the locks are the owner's
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.hold_content();
  if coalesce(current_setting('learn_internal.has_faucet_turn', true), '') <> 'yes' then
    perform from learn_internal.turns t where t.name = 'faucet' for update;
  end if;
  return null;
end;
$$;
comment on function learn_internal.queue_faucet_requests() is
  'Statement trigger: requests to the faucet take turns, with content held.';

create or replace trigger faucet_requests_hold
  before insert on learn.faucet_requests
  for each statement
  execute function learn_internal.queue_faucet_requests();

-- When a request to the faucet is written: until when it limits the next is filled in. One that is yet to be
-- paid is of this moment, whatever its writer says, so that no limit is evaded by an earlier date. When it
-- is changed: the status moves forward only, and what was asked for stays.
-- Errors: LX003 the setting is missing; LX010.
create or replace function learn_internal.keep_faucet_requests()
returns trigger
language plpgsql
volatile
security definer                  -- settings are read for whoever writes
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    if new.status = 'pending' then
      new.requested_at := learn.clock();
    end if;
    new.limited_until := new.requested_at + interval '1 hour'
      * learn_internal.setting_number('faucet_interval_hours')::double precision;
  else
    if new.status <> old.status and not learn_internal.is_next_status(old.status, new.status)
      or new.tx_id is distinct from old.tx_id and old.tx_id is not null
      or (new.id, new.hedera_account_id, new.amount_hbar, new.requested_at)
        <> (old.id, old.hedera_account_id, old.amount_hbar, old.requested_at)
      or new.user_id <> old.user_id and not learn_internal.is_merging()
    then
      raise exception 'a request to the faucet moves forward only'
        using errcode = 'LX010',
          detail = format('request %s: from %s to %s%s', old.id, old.status, new.status,
            case when new.tx_id is distinct from old.tx_id
              then format(', transaction %s', coalesce(new.tx_id, 'null')) end),
          hint = 'From pending to submitted or failed, from submitted to completed or failed; '
            'what was asked for, of whom and when stays.';
    end if;
    if new.status = 'completed' and old.status <> 'completed' then
      new.completed_at := coalesce(new.completed_at, learn.clock());
    end if;
  end if;
  return new;
end;
$$;
comment on function learn_internal.keep_faucet_requests() is
  'Row trigger: requests to the faucet move forward only (LX010); fills in when they came, '
  'until when they limit the next, and when they were completed.';

create or replace trigger keep_faucet_requests
  before update on learn.faucet_requests
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.keep_faucet_requests();

-- When the faucet is asked: users and accounts wait between requests, and a worker gets to pay.
-- Statements take turns since before their first row: see faucet_requests_hold.
-- Errors: LX001 amount above the maximum; LX003 the setting is missing; LX008.
create or replace function learn_internal.serve_faucet_requests()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_maximum numeric;
  v_refused record;
begin
  if not exists (select from new_requests) then
    return null;
  end if;
  v_maximum := learn_internal.setting_number('faucet_max_hbar');
  select n.amount_hbar into v_refused
  from new_requests n
  where n.status = 'pending' and n.amount_hbar > v_maximum
  limit 1;
  if found then
    raise exception 'the amount is too large'
      using errcode = 'LX001', detail = format('amount_hbar = %s', v_refused.amount_hbar),
        hint = format('At most %s hbar (setting faucet_max_hbar).', v_maximum);
  end if;

  select n.user_id, n.hedera_account_id, bool_or(r.user_id = n.user_id) as is_user,
    max(r.limited_until) as limited_until
  into v_refused
  from new_requests n
  cross join lateral (
    select f.user_id, f.id, f.limited_until, f.requested_at
    from learn.faucet_requests f where f.user_id = n.user_id and f.status <> 'failed'
    union all
    select f.user_id, f.id, f.limited_until, f.requested_at
    from learn.faucet_requests f
    where f.hedera_account_id = n.hedera_account_id and f.status <> 'failed'
  ) r
  where n.status <> 'failed' and (r.user_id, r.id) <> (n.user_id, n.id)
    and r.requested_at < n.limited_until and n.requested_at < r.limited_until
  group by n.user_id, n.id, n.hedera_account_id
  order by n.id
  limit 1;
  if found then
    raise exception 'the faucet has served this % lately',
        case when v_refused.is_user then 'user' else 'account' end
      using errcode = 'LX008',
        detail = format('user %s, account %s: possible again at %s', v_refused.user_id,
          v_refused.hedera_account_id, to_char(v_refused.limited_until at time zone 'UTC',
            'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
        hint = 'Ask again then (setting faucet_interval_hours).';
  end if;

  insert into learn.outbox (topic, key, payload)
  select 'faucet', n.user_id || ' ' || n.id,
    jsonb_build_object('user_id', n.user_id, 'request_id', n.id)
  from new_requests n
  where n.status = 'pending'
  order by n.id
  on conflict (topic, key) do nothing;
  return null;
end;
$$;
comment on function learn_internal.serve_faucet_requests() is
  'Statement trigger: users and accounts wait between requests (LX008); asks a worker to pay.';

create or replace trigger serve_faucet_requests
  after insert on learn.faucet_requests
  referencing new table as new_requests
  for each statement
  execute function learn_internal.serve_faucet_requests();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.faucet_requests
  for each row
  when (learn_internal.is_off_time(
    greatest(new.requested_at, new.completed_at),
    least(new.requested_at, new.completed_at)))
  execute function learn_internal.refuse_times('requested_at', 'completed_at');

-- After what is dated absurdly was refused.
create or replace trigger stamp_faucet_requests
  before insert on learn.faucet_requests
  for each row
  when (new.limited_until is null or new.status = 'pending')
  execute function learn_internal.keep_faucet_requests();

create or replace trigger refuse_new_times
  before update of requested_at, completed_at on learn.faucet_requests
  for each row
  when (new.requested_at is distinct from old.requested_at and learn_internal.is_off_time(new.requested_at, new.requested_at)
    or new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at))
  execute function learn_internal.refuse_times('requested_at', 'completed_at');

-- triggers/credentials/transactions.sql

-- What happens when rows of learn.transactions are written, in the order in which triggers fire.
-- Errors: LX003, LX010.

-- Before transactions are written: content is held.
create or replace trigger transactions_hold
  before insert or update of course_id, achievement_id on learn.transactions
  for each statement
  execute function learn_internal.hold_content_first();

-- When a transaction is written: its page in the explorer is filled in. When it is changed:
-- the status moves forward only, and who it belongs to and the network's id stay.
-- Errors: LX003 the setting is missing; LX010.
create or replace function learn_internal.keep_transactions()
returns trigger
language plpgsql
volatile
security definer                  -- settings are read for whoever writes
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' then
    if new.status <> old.status and not learn_internal.is_next_status(old.status, new.status)
      or new.tx_id is distinct from old.tx_id and old.tx_id is not null
      or (new.id, new.tx_type) <> (old.id, old.tx_type)
      or (new.amount_hbar, new.from_account, new.to_account) is distinct from
        (old.amount_hbar, old.from_account, old.to_account)
      or new.user_id <> old.user_id and not learn_internal.is_merging()
    then
      raise exception 'a transaction moves forward only'
        using errcode = 'LX010',
          detail = format('transaction %s: from %s to %s%s', coalesce(old.tx_id, old.id::text),
            old.status, new.status, case when new.tx_id is distinct from old.tx_id
              then format(', id %s', coalesce(new.tx_id, 'null')) end),
          hint = 'From pending to submitted or failed, from submitted to confirmed or failed; '
            'a new try is a new transaction.';
    end if;
    new.updated_at := learn.clock();
  end if;
  if new.tx_id is not null and new.hashscan_url is null then
    new.hashscan_url :=
      rtrim(learn_internal.setting_string('hashscan_url'), '/') || '/transaction/' || new.tx_id;
  end if;
  return new;
end;
$$;
comment on function learn_internal.keep_transactions() is
  'Row trigger: transactions move forward only (LX010); fills in hashscan_url and updated_at.';

create or replace trigger keep_transactions
  before update on learn.transactions
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.keep_transactions();

create or replace trigger link_transactions
  before insert on learn.transactions
  for each row
  when (new.tx_id is not null and new.hashscan_url is null)
  execute function learn_internal.keep_transactions();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.transactions
  for each row
  when (learn_internal.is_off_time(
    greatest(new.created_at, new.updated_at, new.consensus_timestamp),
    least(new.created_at, new.updated_at, new.consensus_timestamp)))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'consensus_timestamp');

create or replace trigger refuse_new_times
  before update of created_at, updated_at, consensus_timestamp on learn.transactions
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at)
    or new.updated_at is distinct from old.updated_at and learn_internal.is_off_time(new.updated_at, new.updated_at)
    or new.consensus_timestamp is distinct from old.consensus_timestamp and learn_internal.is_off_time(new.consensus_timestamp, new.consensus_timestamp))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'consensus_timestamp');

-- functions/notifications/claim_outbox.sql

-- Gives a worker the oldest messages that are due, and to nobody else until they are completed,
-- have failed or the setting outbox_timeout_seconds has run out. Commit before doing the work:
-- the claim holds without a transaction. Messages whose last attempt has run out are given up.
-- Errors: LX001 p_limit out of range, blank worker; LX003 a setting is missing.
create or replace function learn.claim_outbox(
  p_limit  integer default 100,
  p_topics text[] default null,
  p_worker text default null
)
returns setof learn.outbox
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- always by the index of open messages
set enable_seqscan = off
set enable_bitmapscan = off
set jit = off
as $$
declare
  v_now      timestamptz := learn.clock();
  v_until    timestamptz := v_now + interval '1 second'
    * learn_internal.setting_number('outbox_timeout_seconds')::double precision;
  v_attempts integer := learn_internal.setting_number('outbox_max_attempts')::integer;
  v_ids      bigint[];
  v_given_up bigint[];
begin
  perform learn_internal.require_size('p_topics', cardinality(p_topics), 100, 'elements');
  perform learn_internal.require_size('p_topics', length(p_topics::text), 30000);
  perform learn_internal.require_size('p_worker', length(p_worker), 200);
  if p_limit is null or p_limit not between 1 and 10000 or p_worker !~ E'\\S' then
    raise exception 'a worker claims 1 to 10,000 messages at a time, by a name or none'
      using errcode = 'LX001', detail = format('p_limit = %s, p_worker = %L', p_limit, p_worker),
        hint = 'Claim as many as you can do within outbox_timeout_seconds.';
  end if;

  perform learn_internal.hold_content();  -- nobody is erased in between
  loop  -- as long as there are only messages to give up, which is rare
    select array_agg(d.id) filter (where d.attempts < v_attempts),
      array_agg(d.id) filter (where d.attempts >= v_attempts)
    into v_ids, v_given_up
    from (
      select m.id, m.attempts from learn.outbox m
      where m.completed_at is null and m.failed_at is null and m.available_at <= v_now
        and (p_topics is null or m.topic = any (p_topics))
      order by m.id
      limit p_limit
      for update skip locked
    ) d;
    if v_given_up is not null then
      update learn.outbox o
      set failed_at = v_now, error = coalesce(o.error, 'its last claim ran out')
      where o.id = any (v_given_up);
    end if;
    exit when v_ids is not null or v_given_up is null;
  end loop;

  return query
  with claimed as (
    update learn.outbox o
    set claimed_at = v_now, claimed_by = p_worker, attempts = o.attempts + 1,
      available_at = v_until
    where o.id = any (v_ids)
    returning o.*
  )
  select c.* from claimed c order by c.id;
end;
$$;
comment on function learn.claim_outbox(integer, text[], text) is
  'Gives a worker the oldest due messages (of these topics), for outbox_timeout_seconds. '
  'Commit, do the work, then complete_outbox() or fail_outbox().';
grant execute on function learn.claim_outbox(integer, text[], text) to learn_app;

-- functions/notifications/complete_outbox.sql

-- Marks messages as done: nobody gets them again. Completing one again, one that is gone, or one
-- that somebody else has claimed meanwhile is no error: what was done was done.
create or replace function learn.complete_outbox(p_ids bigint[])
returns integer
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_completed integer;
begin
  perform learn_internal.require_size('p_ids', cardinality(p_ids), 10000, 'elements');
  perform learn_internal.hold_content();  -- nobody is erased in between
  perform from learn.outbox o
  where o.id = any (p_ids) and o.completed_at is null
  order by o.id for update;
  update learn.outbox o
  set completed_at = learn.clock(), failed_at = null, error = null
  where o.id = any (p_ids) and o.completed_at is null;
  get diagnostics v_completed = row_count;
  return v_completed;
end;
$$;
comment on function learn.complete_outbox(bigint[]) is
  'Marks messages as done; returns how many were not yet.';
grant execute on function learn.complete_outbox(bigint[]) to learn_app;

-- functions/notifications/fail_outbox.sql

-- Ends claims without success: the messages come again after a pause that doubles with each
-- attempt, and are given up after outbox_max_attempts. What is completed or given up stays so.
--
-- A worker that comes late must not end the claim of the next one. With a name, only claims
-- of that worker end; without, the pause lasts at least until the present claim runs out.
-- Errors: LX001 no reason; LX003 a setting is missing.
create or replace function learn.fail_outbox(
  p_ids    bigint[],
  p_error  text,
  p_worker text default null
)
returns integer
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_now      timestamptz := learn.clock();
  v_pause    double precision := learn_internal.setting_number('outbox_retry_seconds');
  v_attempts integer := learn_internal.setting_number('outbox_max_attempts')::integer;
  v_failed   integer;
begin
  perform learn_internal.require_size('p_ids', cardinality(p_ids), 10000, 'elements');
  perform learn_internal.require_size('p_error', length(p_error), 1000000);
  perform learn_internal.require_size('p_worker', length(p_worker), 200);
  if coalesce(p_error, '') !~ E'\\S' then
    raise exception 'a failure has a reason'
      using errcode = 'LX001', detail = format('p_error = %L', p_error),
        hint = 'Say what went wrong: learn.outbox.error keeps it.';
  end if;
  perform learn_internal.hold_content();  -- nobody is erased in between
  perform from learn.outbox o
  where o.id = any (p_ids) and o.completed_at is null and o.failed_at is null
  order by o.id for update;
  update learn.outbox o
  set error = case when not learn_internal.is_erased(o.payload ->> 'user_id') then left(p_error, 10000) end,
    failed_at = case when o.attempts >= v_attempts then v_now end,
    available_at = greatest(
      v_now + interval '1 second' * least(86400, v_pause * 2 ^ (least(o.attempts, 30) - 1)),
      case when p_worker is null then o.available_at end)
  where o.id = any (p_ids) and o.completed_at is null and o.failed_at is null and o.attempts > 0
    and (p_worker is null or o.claimed_by = p_worker);
  get diagnostics v_failed = row_count;
  return v_failed;
end;
$$;
comment on function learn.fail_outbox(bigint[], text, text) is
  'Ends claims without success; returns how many. The messages come again after a growing pause '
  'and are given up after outbox_max_attempts.';
grant execute on function learn.fail_outbox(bigint[], text, text) to learn_app;

-- functions/notifications/purge_outbox.sql

-- Deletes messages that were completed before a time. Those that are open or given up stay.
-- Errors: LX001 no time.
-- no grant: for operators, as learn_owner.
create or replace function learn.purge_outbox(p_before timestamptz)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_deleted bigint;
begin
  if p_before is null then
    raise exception 'it takes a time before which to purge'
      using errcode = 'LX001', detail = 'p_before = null',
        hint = 'For instance: learn.purge_outbox(now() - interval ''30 days'').';
  end if;
  delete from learn.outbox o where o.completed_at < p_before;
  get diagnostics v_deleted = row_count;
  return v_deleted;
end;
$$;
comment on function learn.purge_outbox(timestamptz) is
  'Deletes messages that were completed before a time; returns how many.';

-- functions/notifications/retry_outbox.sql

-- Lets messages that were given up begin again, when what made them fail is mended.
-- no grant: for operators, as learn_owner.
create or replace function learn.retry_outbox(p_ids bigint[])
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_retried integer;
begin
  perform learn_internal.require_size('p_ids', cardinality(p_ids), 100000, 'elements');
  update learn.outbox o
  set failed_at = null, attempts = 0, available_at = learn.clock()
  where o.id = any (p_ids) and o.failed_at is not null;
  get diagnostics v_retried = row_count;
  return v_retried;
end;
$$;
comment on function learn.retry_outbox(bigint[]) is
  'Lets messages that were given up begin again; returns how many.';

-- functions/notifications/fill_placeholders.sql

-- A text with its placeholders, {name} and the like, filled in, in one pass: what is filled in
-- is not looked at again. What there is no value for is left out. In a URL, values are percent-encoded.
create or replace function learn_internal.fill_placeholders(
  p_text text, p_values jsonb, p_is_url boolean default false
)
returns text
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
immutable
strict                            -- not even called where there is no text
set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[];
  v_text  text := '';
  v_value text;
begin
  if strpos(p_text, '{') = 0 then
    return p_text;
  end if;
  -- What precedes a brace, and each piece from a brace on: as many pieces as braces, a few.
  v_parts := string_to_array(p_text, '{');
  for v_i in 1 .. cardinality(v_parts) loop
    if v_i = 1 then
      v_text := v_parts[v_i];
    elsif v_parts[v_i] ~ E'^[a-z0-9_]+\\}' then
      v_value := coalesce(p_values ->> split_part(v_parts[v_i], '}', 1), '');
      v_text := v_text || case when p_is_url then learn_internal.encode_for_url(v_value) else v_value end
        || substr(v_parts[v_i], strpos(v_parts[v_i], '}') + 1);
    else
      v_text := v_text || '{' || v_parts[v_i];
    end if;
  end loop;
  return v_text;
end;
$$;
comment on function learn_internal.fill_placeholders(text, jsonb, boolean) is
  'A text with its placeholders filled in; those without a value are left out. p_is_url: percent-encoded.';

-- functions/notifications/mark_read.sql

-- Marks notifications of a user as read, all of them or those with the given ids, and returns how
-- many were unread. Ids that are not the user's own, or read already, change nothing.
-- It moves no reward: it returns no award_summary and may be repeated.
-- Errors: LX002 unknown user.
create or replace function learn.mark_read(p_user_id uuid, p_ids bigint[] default null)
returns bigint
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  v_marked bigint;
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_size('p_ids', cardinality(p_ids), 100000, 'elements');
  perform learn_internal.hold_content();
  perform learn_internal.require_user(p_user_id);
  update learn.notifications n
  set is_read = true, read_at = learn.clock()
  where n.user_id = p_user_id and n.id = any (array(
    -- in order, so that two calls do not deadlock
    select u.id from learn.notifications u
    where u.user_id = p_user_id and not u.is_read and (p_ids is null or u.id = any (p_ids))
    order by u.id
    for update));
  get diagnostics v_marked = row_count;
  return v_marked;
end;
$$;
comment on function learn.mark_read(uuid, bigint[]) is
  'Marks notifications of a user as read, all or those with the given ids; returns how many '
  'were unread.';
grant execute on function learn.mark_read(uuid, bigint[]) to learn_app, learn_user;

-- functions/notifications/notify_facts.sql

-- Tells users of facts by the rules: one notification for each fact that an active rule names, in the user's
-- language. Of a jump of many levels only the last one is told, also where one leads to another in the same
-- statement. Silent while the parameter learn.quiet is on, as in imports: `set local learn.quiet = on`.
-- The engine calls it for facts whose type says that it notifies.
create or replace function learn_internal.notify_facts(p_notices learn_internal.notice[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_notices  refcursor;
  n          record;
  v_last     learn_internal.notice;  -- what the last words follow from, and
  v_locale   text;
  v_evidence jsonb;
  v_rule     learn.notification_rules;
  v_values   jsonb;                  -- of placeholders
  v_of       record;                 -- what the fact is about
  v_title    text;
  v_message  text;
  v_id       bigint;
  v_url      text;
  v_new      learn_internal.told;
  v_told     learn_internal.told[] := '{}'::learn_internal.told[];
  v_now      timestamptz;
begin
  if current_setting('learn.quiet', true) in ('on', 'true') then
    return;
  end if;
  if cardinality(p_notices) > 1 then
    p_notices := array(
      select (l.user_id, l.fact_id, l.activity_type, l.subject_type, l.subject_id, l.properties)::learn_internal.notice
      from (
        select t.*, lead(t.fact_id) over (
            partition by t.user_id, t.activity_type, t.subject_type,
              case t.subject_type when 'level' then '' when 'skill_level' then split_part(t.subject_id, ':', 1)
                else t.fact_id::text end
            order by t.fact_id) as later
        from unnest(p_notices) t
      ) l
      where l.later is null);
  end if;
  if cardinality(p_notices) = 1 then  -- mostly: to start a sort costs more than this look
    open v_notices for
    select l.*, u.locale, (
        select x.evidence
        from learn.achievements a
        join learn.user_achievements x on x.user_id = l.user_id and x.achievement_id = a.id
        where l.activity_type = 'achievement_earned' and l.subject_type = 'achievement'
          and a.slug = l.subject_id) as evidence
    from unnest(p_notices) l
    cross join lateral (select x.locale from learn.users x where x.id = l.user_id offset 0) u;
  else
    open v_notices for
    select l.*, u.locale, e.evidence
    from unnest(p_notices) l
    cross join lateral (select x.locale from learn.users x where x.id = l.user_id offset 0) u
    left join lateral (
      select x.evidence
      from learn.achievements a
      join learn.user_achievements x on x.user_id = l.user_id and x.achievement_id = a.id
      where l.activity_type = 'achievement_earned' and l.subject_type = 'achievement'
        and a.slug = l.subject_id
      offset 0
    ) e on true
    -- what says the same comes together: by hashes, because to compare jsonb takes long
    order by l.activity_type, l.subject_type, l.subject_id, u.locale, jsonb_hash(l.properties), jsonb_hash(e.evidence),
      l.fact_id;
  end if;
  loop
    fetch v_notices into n;
    exit when not found;
    -- the words are found once for all who have earned the same
    if (n.activity_type, n.subject_type, n.subject_id, n.locale, n.properties, n.evidence) is distinct from
      (v_last.activity_type, v_last.subject_type, v_last.subject_id, v_locale, v_last.properties, v_evidence)
    then
      v_last := (n.user_id, n.fact_id, n.activity_type, n.subject_type, n.subject_id, n.properties);
      v_locale := n.locale;
      v_evidence := n.evidence;
      v_values := n.properties
        || jsonb_build_object('subject_type', n.subject_type, 'subject_id', n.subject_id);
      v_id := case when split_part(n.subject_id, ':', 1) ~ '^[0-9]{1,18}$'
        then split_part(n.subject_id, ':', 1)::bigint end;  -- subjects that others record need not be numbers
      v_of := learn_internal.subject_words(n.subject_type, n.subject_id, v_id, n.locale);
      v_values := jsonb_strip_nulls(jsonb_build_object('name', v_of.name, 'slug', v_of.slug))
        || coalesce(n.evidence, '{}') || v_values;
      select * into v_rule
      from learn.notification_rules k
      where k.activity_type = n.activity_type and k.is_active and v_values @> k.filter
      order by k.filter = '{}', k.type
      limit 1;
      -- calls cost more than what they do where there is nothing to translate, to fill in, or to tidy
      v_title := v_rule.title;
      v_message := v_rule.message;
      v_url := v_rule.action_url;
      if v_rule.translations <> '{}' then
        v_title := learn.localized(v_rule.translations, n.locale, 'title', v_title);
        v_message := learn.localized(v_rule.translations, n.locale, 'message', v_message);
      end if;
      if strpos(v_title, '{') > 0 then
        v_title := learn_internal.fill_placeholders(v_title, v_values);
      end if;
      if strpos(v_message, '{') > 0 then
        v_message := learn_internal.fill_placeholders(v_message, v_values);
      end if;
      if strpos(v_url, '{') > 0 then
        v_url := learn_internal.fill_placeholders(v_url, v_values, true);
      end if;
      -- a title that comes out blank, or words that come out long, must not fail what the user has just done
      if v_title !~ (E'^[!-~]([ -~]*[!-~])?$' collate "C") or length(v_title) > 300 then
        v_title := coalesce(nullif(learn_internal.tidy_text(left(v_title, 300), true), ''), v_rule.type);
      end if;
      if v_message !~ (E'^[!-~]([ -~]*[!-~])?$' collate "C") or length(v_message) > 10000 then
        v_message := learn_internal.tidy_text(left(v_message, 10000));
      end if;
      v_new := (null, null, v_rule.type, v_title, v_message, case when length(v_url) <= 2000 then v_url end);
    end if;
    continue when v_rule.type is null;
    v_new.user_id := n.user_id;
    v_new.fact_id := n.fact_id;
    if n.subject_type in ('level', 'skill_level') then
      if exists (
        select from learn.notifications o
        where o.user_id = n.user_id and not o.is_read
          and o.told_in = (extract(epoch from statement_timestamp()) * 1000000)::bigint)
      then
        -- perhaps of the jump that this statement is on, and that has come further
        update learn.notifications o
        set title = v_new.title, message = v_new.message, action_url = v_new.action_url, fact_id = v_new.fact_id
        where o.user_id = n.user_id and o.type = v_new.type and not o.is_read
          and o.told_in = (extract(epoch from statement_timestamp()) * 1000000)::bigint and exists (
            select from learn.activity_log f
            where f.user_id = o.user_id and f.id = o.fact_id and f.recorded_at >= o.created_at
              and f.activity_type = n.activity_type and f.subject_type = n.subject_type
              and (n.subject_type = 'level'
                or split_part(f.subject_id, ':', 1) = split_part(n.subject_id, ':', 1)));
        continue when found;
      end if;
    end if;
    v_told := v_told || v_new;
  end loop;
  close v_notices;  -- or the tables that it reads are in use until the transaction ends

  if cardinality(v_told) > 0 then
    v_now := learn.clock();
    insert into learn.notifications
      (user_id, type, title, message, action_url, fact_id, created_at)
    select t.user_id, t.type, t.title, t.message, t.action_url, t.fact_id, v_now
    from unnest(v_told) t
    order by t.fact_id
    on conflict (user_id, fact_id) where fact_id is not null do nothing;
  end if;
end;
$$;
comment on function learn_internal.notify_facts(learn_internal.notice[]) is
  'Tells users of facts by the rules, each fact once, and a jump of levels once.';

-- functions/notifications/purge_notifications.sql

-- Deletes the notifications that are older than a time, read or not, and returns how many. For
-- operators and schedulers.
-- Errors: LX001 no time.
-- no grant: for operators, as learn_owner.
create or replace function learn.purge_notifications(p_before timestamptz)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_purged bigint;
begin
  perform learn_internal.hold_content();
  if p_before is null then
    raise exception 'the time is missing'
      using errcode = 'LX001', detail = 'p_before = null',
        hint = 'To delete all notifications, pass the time of now.';
  end if;
  -- what somebody marks as read in this moment is for the next time
  delete from learn.notifications n
  using (
    select o.user_id, o.id from learn.notifications o
    where o.created_at < p_before
    for update skip locked
  ) o
  where n.user_id = o.user_id and n.id = o.id;
  get diagnostics v_purged = row_count;
  return v_purged;
end;
$$;
comment on function learn.purge_notifications(timestamptz) is
  'Deletes the notifications older than a time, read or not; returns how many.';

-- functions/notifications/unread_count.sql

-- How many notifications a user has not read.
-- Errors: LX002 unknown user.
create or replace function learn.unread_count(p_user_id uuid)
returns bigint
language plpgsql
stable
security definer                  -- the same for every role that may call it
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  return (
    select count(*) from learn.notifications n where n.user_id = p_user_id and not n.is_read);
end;
$$;
comment on function learn.unread_count(uuid) is 'How many notifications a user has not read.';
grant execute on function learn.unread_count(uuid) to learn_app, learn_user, learn_readonly;

-- views/notifications/dead_outbox.sql

-- Messages that were given up after their last attempt, for somebody to look at.
create or replace view learn.dead_outbox as
select o.id, o.topic, o.key, o.payload, o.created_at, o.attempts, o.claimed_by, o.failed_at, o.error
from learn.outbox o
where o.failed_at is not null;
comment on view learn.dead_outbox is
  'Messages of the outbox that were given up; retry_outbox() lets them begin again.';
grant select on learn.dead_outbox to learn_app, learn_readonly;

-- triggers/notifications/announce_notifications.sql

-- When notifications are written, whoever wrote them: they are sent to the channel learn_events,
-- where PostgreSQL delivers them when the transaction commits, to every role that listens: ids, and
-- nothing else. A message per user, or, where there
-- are more than 100 users, one for them all. Where webhooks are switched on, each is also a message
-- in the outbox, for a worker to deliver. This is the one place where notifications leave
-- the database. One that is dated ahead of the clock, or absurdly far back, is refused:
-- here, once for all rows. Of what triggers write, that is asked of its fact.
-- Errors: LX001 a time out of bounds; LX003 a setting is missing.
create or replace function learn_internal.announce_notifications()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id  uuid;                   -- of the only one, and its id
  v_id       bigint;
  v_users    bigint;
  v_webhooks boolean;
  v_events   boolean;
  v_latest   timestamptz;
  v_earliest timestamptz;
begin
  perform from new_rows offset 1;
  if not found then  -- mostly it is one: to start aggregates costs several times as much as this look
    select n.user_id, n.id, greatest(n.created_at, n.read_at), least(n.created_at, n.read_at),
      (select s.value::boolean from learn.platform_settings s where s.key = 'notification_webhooks'),
      (select s.value::boolean from learn.platform_settings s where s.key = 'notify_events')
    into v_user_id, v_id, v_latest, v_earliest, v_webhooks, v_events
    from new_rows n;
    v_users := (v_id is not null)::integer;
  else
    select count(distinct n.user_id), max(greatest(n.created_at, n.read_at)), min(least(n.created_at, n.read_at)),
      (select s.value::boolean from learn.platform_settings s where s.key = 'notification_webhooks'),
      (select s.value::boolean from learn.platform_settings s where s.key = 'notify_events')
    into v_users, v_latest, v_earliest, v_webhooks, v_events
    from new_rows n;
  end if;
  if v_users = 0 then
    return null;
  elsif pg_trigger_depth() = 1 and learn_internal.is_off_time(v_latest, v_earliest) then
    perform learn_internal.require_possible_time('created_at, read_at', v_latest);
    perform learn_internal.require_possible_time('created_at, read_at', v_earliest);
  end if;
  if v_webhooks is null then
    v_webhooks := learn_internal.setting_boolean('notification_webhooks');
  end if;
  if v_webhooks then
    insert into learn.outbox (topic, key, payload)
    select 'notification', n.user_id || ' ' || n.id,
      jsonb_build_object('user_id', n.user_id, 'notification_id', n.id, 'type', n.type)
    from new_rows n
    order by n.user_id, n.id
    on conflict (topic, key) do nothing;
  end if;
  if v_events is null then
    v_events := learn_internal.setting_boolean('notify_events');
  end if;
  if not v_events then
    return null;
  elsif v_users > 100 then
    perform pg_notify('learn_events', jsonb_build_object(
      'event', 'notifications', 'users', v_users, 'count', (select count(*) from new_rows))::text);
  elsif v_id is not null then
    perform pg_notify('learn_events', jsonb_build_object('event', 'notifications', 'user_id', v_user_id,
      'count', 1, 'notifications', jsonb_build_array(jsonb_build_object('id', v_id)))::text);
  else
    -- A payload has at most 8000 bytes: the first 20 are named, the rest is counted.
    perform pg_notify('learn_events', jsonb_build_object(
      'event', 'notifications', 'user_id', u.user_id, 'count', u.count,
      'notifications', jsonb_path_query_array(u.named, '$[0 to 19]'))::text)
    from (
      select n.user_id, count(*) as count,
        jsonb_agg(jsonb_build_object('id', n.id) order by n.id) as named
      from new_rows n
      group by n.user_id
      order by n.user_id
    ) u;
  end if;
  return null;
end;
$$;
comment on function learn_internal.announce_notifications() is
  'Statement trigger: sends new notifications to the channel learn_events and, where webhooks '
  'are switched on, to the outbox.';

create or replace trigger announce_notifications
  after insert on learn.notifications
  referencing new table as new_rows
  for each statement
  execute function learn_internal.announce_notifications();

-- A time that changes is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_new_times
  before update of created_at, read_at on learn.notifications
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at)
    or new.read_at is distinct from old.read_at and learn_internal.is_off_time(new.read_at, new.read_at))
  execute function learn_internal.refuse_times('created_at', 'read_at');

-- triggers/notifications/notification_rules.sql

-- What happens when rows of learn.notification_rules are written, in the order in which triggers fire.

-- When rules of notifications change: this blocks learners.
create or replace trigger notification_rules_change
  before insert or update or delete on learn.notification_rules
  for each statement
  execute function learn_internal.change_content();

-- When rules of notifications change: which facts are reported is noted with their types.
create or replace trigger notification_rules_consequences
  after insert or update or delete on learn.notification_rules
  for each statement
  execute function learn_internal.note_consequences();

-- functions/credentials/require_new_token.sql

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

-- functions/credentials/request_achievement_nft.sql

-- Asks for an NFT of an achievement that a user has earned: a message nft_mint in the outbox, as for
-- certificates. The worker mints it, and answers by achievement_minted(). Asking again changes nothing.
-- Errors: LX001; LX002; LX003 unknown achievement, or the setting is missing; LX004 user inactive;
-- LX007 the user has not earned it; LX010 no NFTs are minted here; LX013.
create or replace function learn.request_achievement_nft(
  p_user_id         uuid,
  p_slug            text,
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
  v_call   learn_internal.call := learn_internal.begin_call(
    'request_achievement_nft', p_user_id, jsonb_build_object('slug', p_slug),
    p_occurred_at, p_idempotency_key);
  v_id     bigint;
  v_earned record;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  v_id := (learn_internal.require_achievement(p_slug, false)).id;
  select e.id, e.achievement_id, e.token_id into v_earned
  from learn.user_achievements e
  where e.user_id = p_user_id and e.achievement_id = v_id;
  if not found then
    raise exception 'the user has not earned the achievement'
      using errcode = 'LX007', detail = format('p_user_id = %s, p_slug = %s', p_user_id, p_slug),
        hint = 'What it takes: learn.achievement_progress().';
  end if;
  if not learn_internal.setting_boolean('nft_minting_enabled') then
    raise exception 'no NFTs are minted here'
      using errcode = 'LX010', detail = 'nft_minting_enabled = false',
        hint = 'The setting is in learn.platform_settings.';
  end if;
  if v_earned.token_id is null then
    insert into learn.outbox (topic, key, payload)
    values ('nft_mint', format('achievement %s %s', p_user_id, v_earned.id), jsonb_build_object(
      'user_id', p_user_id, 'achievement_id', v_earned.achievement_id, 'achievement', p_slug))
    on conflict (topic, key) do nothing;
  end if;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.request_achievement_nft(uuid, text, timestamptz, text) is
  'Asks for an NFT of an achievement that a user has earned (else LX007): a message nft_mint in the outbox.';
grant execute on function learn.request_achievement_nft(uuid, text, timestamptz, text) to learn_app, learn_user;

-- functions/notifications/encode_for_url.sql

-- A text as a part of a URL: what is not a letter of ASCII, a digit or one of -._~ is percent-encoded.
create or replace function learn_internal.encode_for_url(p_text text)
returns text
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_text ~ ('^[A-Za-z0-9._~-]*$' collate "C") then
    return p_text;
  end if;
  return coalesce(string_agg(
    case when chr(b.byte) ~ '[A-Za-z0-9._~-]' and b.byte < 128 then chr(b.byte)
      else '%' || upper(lpad(to_hex(b.byte), 2, '0')) end, '' order by b.place), '')
  from (
    select i as place, get_byte(convert_to(p_text, 'UTF8'), i) as byte
    from generate_series(0, octet_length(convert_to(p_text, 'UTF8')) - 1) i
  ) b;
end;
$$;
comment on function learn_internal.encode_for_url(text) is 'A text as a part of a URL, percent-encoded.';

-- functions/notifications/subject_words.sql

-- What a fact is about, in the words of a reader's language: its name and its slug. Null where it is nothing that
-- has a name.
create or replace function learn_internal.subject_words(
  p_type text, p_subject_id text, p_id bigint, p_locale text,
  out name text, out slug text
)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_base         text;
  v_translations jsonb;
begin
  case p_type
    when 'achievement' then
      select a.name, a.slug, a.translations into v_base, slug, v_translations
      from learn.achievements a where a.slug = p_subject_id;
    when 'course' then
      select c.title, c.slug, c.translations into v_base, slug, v_translations
      from learn.courses c where c.id = p_id;
    when 'course_level' then
      select l.title, l.slug, l.translations into v_base, slug, v_translations
      from learn.course_levels l where l.id = p_id;
    when 'lesson' then
      select l.title, l.slug, l.translations into v_base, slug, v_translations
      from learn.lessons l where l.id = p_id;
    when 'challenge', 'challenge_level' then
      select c.title, c.slug into v_base, slug from learn.challenges c where c.id = p_id;
    when 'track' then
      select t.title, t.slug into v_base, slug from learn.tracks t where t.id = p_id;
    when 'path' then
      select p.title, p.slug into v_base, slug from learn.learning_paths p where p.id = p_id;
    else
      null;
  end case;
  name := v_base;
  if v_translations <> '{}' then
    name := learn.localized(v_translations, p_locale, case p_type when 'achievement' then 'name' else 'title' end,
      v_base);
  end if;
end;
$$;
comment on function learn_internal.subject_words(text, text, bigint, text) is
  'Hook: name and slug of what a fact is about, in a reader''s language.';

-- functions/operations/find_ailments.sql

-- What ails the database but for what rows say, each with the statement that mends it: from catalogs and statistics.
-- A function, because a view can switch no compiling off. Read it as learn.health.
create or replace function learn_internal.find_ailments()
returns table (severity text, topic text, subject text, finding text, mend text)
language sql
stable
set search_path = pg_catalog, pg_temp
set jit = off
set timezone = 'UTC'
set quote_all_identifiers = off
as $$
  with relation as (
    select c.oid, c.oid::regclass::text as name, c.relname, c.relkind, c.relowner, c.reltoastrelid, c.relfrozenxid,
      c.reloptions, n.nspname ~ '^learn(_internal)?$' as is_ours
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace and n.nspname !~ '^(pg_|information_schema$)'
    where c.relkind in ('r', 'p', 'i', 'I', 'm', 'S', 'v')
  ),
  index_ as (
    select i.*, i.indexrelid::regclass::text as name, pg_relation_size(i.indexrelid) as size,
      exists (select from pg_constraint k where k.conindid = i.indexrelid) as backs_constraint
    from pg_index i
    join relation r on r.oid = i.indrelid
  ),
  database as (
    select d.*, quote_ident(d.datname) as name, pg_database_size(d.oid) as size
    from pg_database d
    where d.datname = current_database()
  ),
  open_to_all as (
    select p.oid::regprocedure::text as name, n.nspname, count(*) over (partition by n.oid) as siblings
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace and n.nspname in ('learn', 'learn_internal')
    where exists (select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) e
                  where e.grantee = 0 and e.privilege_type = 'EXECUTE')
  ),
  owned as (
    select o.*, pg_get_userbyid(o.owner_id)::text as owner, count(*) over (partition by o.owner_id) as siblings
    from (
      select 'table' as kind, r.name, r.relowner as owner_id from relation r where r.is_ours and r.relkind in ('r', 'p', 'v')
      union all
      select 'routine', p.oid::regprocedure::text, p.proowner
      from pg_proc p
      where p.pronamespace in (to_regnamespace('learn'), to_regnamespace('learn_internal'))
    ) o
    where pg_get_userbyid(o.owner_id) <> 'learn_owner'
  ),
  setting as (
    -- what sessions begin with: not what this function, or who calls it, has set
    select s.name, s.reset_val as setting,
      case when s.context = 'postmaster' then current_setting(s.name) else s.reset_val end as shown
    from pg_settings s
  )
  select f.severity, f.topic, f.subject, f.finding, f.mend
  from (
    select 'error' as severity, 'roles' as topic, r.name as subject, 'the role does not exist' as finding, format('create role %I nologin;', r.name) as mend
    from (values ('learn_owner'), ('learn_app'), ('learn_user'), ('learn_editor'), ('learn_readonly')) r(name)
    where not exists (select from pg_roles p where p.rolname = r.name)
    union all
    select 'note', 'roles', 'learn_app', 'nobody who logs in is a member: no backend can call anything',
      'grant learn_app to my_backend;'
    where not exists (
      select from pg_roles p, pg_roles a
      where a.rolname = 'learn_app' and p.rolcanlogin and not p.rolsuper and pg_has_role(p.oid, a.oid, 'member'))
    union all
    select 'error', 'grants', n.nspname, format('%s may not use the schema', p.rolname),
      format('grant usage on schema %I to %I;  -- dbtool verify has all of what is missing', n.nspname, p.rolname)
    from pg_namespace n
    join pg_roles p on p.rolname in ('learn_app', 'learn_user', 'learn_editor', 'learn_readonly')
    where n.nspname = 'learn' and not has_schema_privilege(p.oid, n.oid, 'usage')
    union all
    select 'error', 'grants', o.name, 'everybody may call it', format('revoke execute on function %s from public;', o.name)
    from open_to_all o
    where o.siblings <= 10
    union all
    select 'error', 'grants', o.nspname, format('everybody may call %s functions, such as %s', count(*), min(o.name)),
      format('revoke execute on all functions in schema %I from public;', o.nspname)
    from open_to_all o
    where o.siblings > 10
    group by o.nspname
    union all
    select 'warning', 'grants', o.name, format('it belongs to %s', o.owner),
      format('alter %s %s owner to learn_owner;', o.kind, o.name)
    from owned o
    where o.siblings <= 10
    union all
    select 'error', 'grants', o.owner, format('%s tables, views and functions belong to it, such as %s', count(*), min(o.name)),
      '-- a restore without its roles: make them, and restore again (docs/backups.md)'
    from owned o
    where o.siblings > 10
    group by o.owner
    union all
    select 'error', 'slices', f.check_name,
      format('check_slice() has found %s rows that are not what the facts say, the last at %s', count(*),
        to_char(max(f.found_at), 'YYYY-MM-DD HH24:MI')),
      coalesce(format('select learn.rebuild_user(%L);  -- and the others of learn_internal.integrity_findings',
        min(f.about_user::text)), 'select learn.rebuild_all();')
    from learn_internal.integrity_findings f
    group by f.check_name
    union all
    select 'warning', 'jobs', j.name, format('it does not run: %s', j.late), j.command || ';  -- and see dbtool schedule'
    from learn.jobs j
    where j.late is not null
    union all
    select 'error', 'outbox', o.topic, format('%s messages were given up', count(*)),
      'select * from learn.dead_outbox;  -- then select learn.retry_outbox(array[…]);'
    from learn.dead_outbox o
    group by o.topic
    union all
    select 'error', 'indexes', i.name, 'it is invalid: it is kept up, and not read',
      format('reindex index concurrently %s;', i.name)
    from index_ i
    where not i.indisvalid and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
    union all
    select 'warning', 'indexes', i.name, format('it is the same as %s', o.name),
      format('drop index concurrently %s;', i.name)
    from index_ i
    join index_ o on o.indrelid = i.indrelid and o.indexrelid <> i.indexrelid and o.indisvalid
      and o.indkey = i.indkey and o.indclass = i.indclass and o.indcollation = i.indcollation and o.indoption = i.indoption
      and o.indnkeyatts = i.indnkeyatts and o.indisunique >= i.indisunique
      and pg_get_expr(o.indpred, o.indrelid) is not distinct from pg_get_expr(i.indpred, i.indrelid)
      and pg_get_expr(o.indexprs, o.indrelid) is not distinct from pg_get_expr(i.indexprs, i.indrelid)
    where not i.backs_constraint
      and (o.backs_constraint or (o.indisunique, o.indexrelid < i.indexrelid) > (i.indisunique, false))
    union all
    select 'note', 'indexes', i.name, format('nothing has read it since %s, and it takes %s',
        coalesce(to_char(t.stats_reset, 'YYYY-MM-DD'), 'the statistics began'), pg_size_pretty(i.size)),
      format('drop index concurrently %s;  -- if it is yours, and replicas do not read it either', i.name)
    from index_ i
    join pg_stat_all_indexes s on s.indexrelid = i.indexrelid and s.idx_scan = 0
    join pg_stat_database t on t.datname = current_database()
    where i.size > 50 * 1024 * 1024 and not i.indisunique and not i.backs_constraint
    union all
    select 'error', 'triggers', format('%s on %s', t.tgname, r.name), 'it is disabled',
      format('alter table %s enable trigger %I;  -- then look at learn.check_integrity()', r.name, t.tgname)
    from pg_trigger t
    join relation r on r.oid = t.tgrelid
    where t.tgenabled = 'D' and not t.tgisinternal
    union all
    select 'warning', 'bloat', r.name, format('%s of %s rows are dead', s.n_dead_tup, s.n_dead_tup + s.n_live_tup),
      format('vacuum (analyze) %s;', r.name)
    from pg_stat_all_tables s
    join relation r on r.oid = s.relid
    where s.n_dead_tup > 10000 and s.n_dead_tup > 0.3 * s.n_live_tup
    union all
    select 'warning', 'bloat', r.name, 'autovacuum is switched off for it',
      format('alter table %s reset (autovacuum_enabled);', r.name)
    from relation r
    where exists (
      select from pg_options_to_table(r.reloptions) o
      where o.option_name = 'autovacuum_enabled' and not o.option_value::boolean)
    union all
    select 'error', 'bloat', r.name, format('its oldest transaction is %s transactions old', age(r.relfrozenxid)),
      format('vacuum (freeze) %s;', r.name)
    from relation r
    where r.relkind in ('r', 'm') and r.relfrozenxid <> '0' and age(r.relfrozenxid) > 1000000000
    union all
    select 'warning', 'sessions', format('pid %s', s.pid),
      format('%s of %s: a transaction open since %s', s.state, s.usename, to_char(s.xact_start, 'YYYY-MM-DD HH24:MI')),
      format('select pg_terminate_backend(%s);', s.pid)
    from pg_stat_activity s
    where s.datname = current_database() and s.pid <> pg_backend_pid() and s.backend_type = 'client backend'
      and s.xact_start < learn.clock() - interval '10 minutes'
    union all
    select 'error', 'sessions', x.gid, 'a prepared transaction holds its locks since ' || to_char(x.prepared, 'YYYY-MM-DD HH24:MI'),
      format('rollback prepared %L;', x.gid)
    from pg_prepared_xacts x
    where x.database = current_database() and x.prepared < learn.clock() - interval '10 minutes'
    union all
    select 'warning', 'sessions', s.slot_name, 'a replication slot that nobody reads keeps the write-ahead log',
      format('select pg_drop_replication_slot(%L);', s.slot_name)
    from pg_replication_slots s
    where not s.active and not s.temporary
    union all
    select 'warning', 'sequences', format('%I.%I', s.schemaname, s.sequencename),
      format('it is at %s of %s', s.last_value, s.max_value),
      format('alter sequence %I.%I as bigint;  -- and its column', s.schemaname, s.sequencename)
    from pg_sequences s
    where s.increment_by > 0 and s.last_value > 0.7 * s.max_value
    union all
    select 'error', 'sequences', s.sequence, format('it is at %s, and %s has id %s: rows were moved without it', s.is_at, s.relation,
        s.largest_id),
      format('select setval(%L, (select max(id) from %s));', s.sequence, s.relation)
    from learn_internal.sequences_behind() s
    union all
    select w.severity, 'settings', s.name, format('it is %s: %s', s.shown, w.why),
      case when w.is_local then format('alter database %s set %s = %s;', d.name, s.name, w.better)
        else format('alter system set %s = %L; select pg_reload_conf();', s.name, w.better) || w.note end
    from database d
    cross join setting s
    join (values
      ('warning', 'jit', 'on', 'short statements are compiled for longer than they run', 'off', true, ''),
      ('error', 'fsync', 'off', 'a crash of the machine can destroy the database', 'on', false, ''),
      ('error', 'full_page_writes', 'off', 'a crash of the machine can destroy the database', 'on', false, ''),
      ('error', 'autovacuum', 'off', 'tables grow for ever', 'on', false, ''),
      ('error', 'track_counts', 'off', 'autovacuum does not know what to do', 'on', false, ''),
      ('note', 'synchronous_commit', 'off', 'a crash loses the last calls that were answered', 'on', true, ''),
      ('note', 'idle_in_transaction_session_timeout', '0', 'a client that is lost holds its locks for ever', '''1min''', true, '')
    ) w(severity, name, value, why, better, is_local, note) on w.name = s.name and w.value = s.setting
    where s.name <> 'jit' or pg_jit_available()
    union all
    select 'warning', 'settings', s.name, format('it is %s, and the database has %s', s.shown, pg_size_pretty(d.size)),
      'alter system set shared_buffers = ''2GB'';  -- a quarter of the memory; then restart'
    from database d
    join setting s on s.name = 'shared_buffers' and s.setting::bigint * 8192 < least(d.size / 8, 1073741824)
    union all
    select 'note', 'settings', s.name, format('it is %s: so many sessions cost memory, and waits for one another', s.shown),
      'alter system set max_connections = ''200'';  -- behind a pooler; then restart'
    from setting s
    where s.name = 'max_connections' and s.setting::integer > 500
  ) f;
$$;
comment on function learn_internal.find_ailments() is
  'What ails the database, each with the statement that mends it. Read it as learn.health.';

-- functions/notifications/is_erased.sql

-- Whether a message of the outbox is about a user who is not there any more: nothing is kept of them then.
create or replace function learn_internal.is_erased(p_user_id text)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select p_user_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' is true
    and not exists (
      select from learn.users u
      where u.id = case when p_user_id ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_user_id::uuid end);
$$;
comment on function learn_internal.is_erased(text) is
  'Whether a message is about a user who is not there any more.';

-- views/operations/damage_but_boards.sql

-- Damage that belongs to learners, without that of boards: who looks at everybody finds that in two steps.
create or replace view learn_internal.damage_but_boards (check_name, user_id, expected, actual) as
select * from learn_internal.identity_damage
union all select * from learn_internal.xp_damage
union all select * from learn_internal.streak_damage
union all select * from learn_internal.activity_damage
union all select * from learn_internal.practice_damage
union all select * from learn_internal.quiz_damage
union all select * from learn_internal.challenge_damage
union all select * from learn_internal.skill_damage
union all select * from learn_internal.progress_damage
union all select * from learn_internal.date_damage
union all select * from learn_internal.achievement_damage
union all select * from learn_internal.community_damage
union all select * from learn_internal.credential_damage;
comment on view learn_internal.damage_but_boards is
  'Where projections of learners are not what follows from facts, in all domains but leaderboards.';

reset role;
