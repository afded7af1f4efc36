-- Certificates of completed courses, transactions on a network outside, requests to the faucet,
-- and the outbox, by which outside workers get what they have to do.

set role learn_owner;

insert into learn.platform_settings (key, value, value_type, description) values
  ('outbox_timeout_seconds', '300', 'number',
    'A claimed message that is not completed within so many seconds may be claimed again.'),
  ('outbox_retry_seconds', '60', 'number',
    'How long a failed message rests, in seconds; doubled with each further attempt, '
    'at most a day.'),
  ('outbox_max_attempts', '10', 'number',
    'A message that has failed so often is given up: learn.dead_outbox lists it.'),
  ('nft_minting_enabled', 'false', 'boolean',
    'Whether each new certificate asks for an NFT: a message nft_mint in learn.outbox.'),
  ('hashscan_url', '"https://hashscan.io/testnet"', 'string',
    'Base URL of the explorer, network included; transactions link to /transaction/… below it.'),
  ('faucet_interval_hours', '24', 'number',
    'A user, and an account, gets something from the faucet once in so many hours.'),
  ('faucet_max_hbar', '100', 'number', 'The most that one request to the faucet may ask for.'),
  ('issuer_name', '""', 'string', 'Who issues credentials: the name that they show.'),
  ('issuer_url', '""', 'string', 'Who issues credentials: the URL that identifies the issuer.'),
  ('credential_url', '""', 'string',
    'Base URL below which credentials, courses and achievements have their identifiers.');

-- ── notifications ────────────────────────────────────────────────────────────────────────────────

create table learn.outbox (
  id           bigint generated always as identity primary key,
  topic        text not null,
  key          text not null default gen_random_uuid()::text,
  payload      jsonb not null default '{}',
  created_at   timestamptz not null default learn.clock(),
  available_at timestamptz not null default learn.clock(),
  claimed_at   timestamptz,
  claimed_by   text,
  attempts     integer not null default 0,
  completed_at timestamptz,
  failed_at    timestamptz,
  error        text,
  constraint outbox_messages_come_once unique (topic, key),
  constraint topic_is_a_slug check (topic ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint key_is_not_blank check (key ~ '\S' and length(key) <= 500),
  constraint payload_is_an_object check (jsonb_typeof(payload) = 'object'),
  constraint attempts_are_not_negative check (attempts >= 0),
  constraint messages_are_completed_or_given_up check (completed_at is null or failed_at is null)
) with (fillfactor = 70);
comment on table learn.outbox is
  'What outside workers have to do, written in the transaction that asks for it. Workers call '
  'claim_outbox(), then complete_outbox() or fail_outbox(). At least once: a worker that dies '
  'between doing and completing has its message done again.';
comment on column learn.outbox.topic is 'What is to be done: nft_mint, faucet, …';
comment on column learn.outbox.key is 'There is one message of a topic and key, done or not.';
comment on column learn.outbox.payload is
  'Keys of the rows that it is about, no personal data: it outlives an erased user.';
comment on column learn.outbox.available_at is
  'When it may be claimed: the end of a pause or of a claim.';
comment on column learn.outbox.claimed_at is 'When it was claimed last.';
comment on column learn.outbox.claimed_by is 'The worker that claimed it last, by its own name.';
comment on column learn.outbox.attempts is 'How often it was claimed.';
comment on column learn.outbox.failed_at is
  'When it was given up: no worker gets it any more, unless retry_outbox() says so.';
comment on column learn.outbox.error is 'Why the last attempt failed.';
create index outbox_open on learn.outbox (id, available_at)
  where completed_at is null and failed_at is null;
create index outbox_dead on learn.outbox (id) where failed_at is not null;
grant select on learn.outbox to learn_app, learn_readonly;

-- ── credentials ──────────────────────────────────────────────────────────────────────────────────

create table learn.transactions (
  user_id             uuid not null references learn.users on delete cascade,
  id                  bigint generated always as identity,
  tx_id               text,
  tx_type             text not null,
  amount_hbar         numeric(20, 8) not null default 0,
  from_account        text,
  to_account          text,
  status              text not null default 'pending',
  course_id           bigint references learn.courses on delete set null,
  achievement_id      bigint references learn.achievements on delete set null,
  consensus_timestamp timestamptz,
  hashscan_url        text,
  error               text,
  created_at          timestamptz not null default learn.clock(),
  updated_at          timestamptz not null default learn.clock(),
  primary key (user_id, id),
  constraint transactions_of_a_user_are_unique unique (user_id, tx_id),
  constraint tx_id_is_a_word check (tx_id ~ '^[!-~]+$' and length(tx_id) <= 200),
  constraint tx_type_is_a_slug check (tx_type ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint amount_is_not_negative check (amount_hbar >= 0 and amount_hbar <> 'NaN'),
  constraint accounts_are_words check (
    from_account ~ '^[!-~]+$' and to_account ~ '^[!-~]+$'
    and length(from_account) <= 200 and length(to_account) <= 200),
  constraint status_is_known check (status in ('pending', 'submitted', 'confirmed', 'failed')),
  constraint submitted_transactions_have_an_id check (
    tx_id is not null or status in ('pending', 'failed'))
) with (fillfactor = 80);
comment on table learn.transactions is
  'What workers did for users on a network outside, such as Hedera. The status moves forward: '
  'pending, submitted, then confirmed or failed; pending ones may fail too (else LX010).';
comment on column learn.transactions.tx_id is
  'The network''s own id, such as 0.0.1234@1700000000.000000001; unchangeable once it is there.';
comment on column learn.transactions.tx_type is
  'faucet, nft_mint, certificate, achievement_nft, or another word in lower case.';
comment on column learn.transactions.amount_hbar is 'In hbar; a tinybar is 0.00000001.';
comment on column learn.transactions.consensus_timestamp is
  'When the network agreed on it, to the microsecond.';
comment on column learn.transactions.hashscan_url is
  'Page of an explorer: filled in from the setting hashscan_url when tx_id is.';
create unique index transactions_tx_id_is_unique on learn.transactions (tx_id);
create index transactions_course on learn.transactions (course_id, user_id)
  where course_id is not null;
create index transactions_achievement on learn.transactions (achievement_id, user_id)
  where achievement_id is not null;
grant select on learn.transactions to learn_app, learn_readonly;

create sequence learn_internal.certificate_numbers;

create table learn.nft_certificates (
  user_id            uuid not null references learn.users on delete cascade,
  id                 bigint generated always as identity,
  course_id          bigint references learn.courses on delete set null,
  certificate_number text not null default
    'LC-' || to_char(learn.clock() at time zone 'UTC', 'YYYY-')
    || to_char(nextval('learn_internal.certificate_numbers'), 'FM999999999990000000'),
  verify_code        text not null default left(encode(sha256(
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'), 32),
  course_title       text not null,
  completed_on       date not null,
  issued_at          timestamptz not null default learn.clock(),
  token_id           text,
  collection_id      text,
  serial_number      bigint,
  metadata_uri       text,
  tx_id              text,
  minted_at          timestamptz,
  revoked_at         timestamptz,
  revoked_reason     text,
  primary key (user_id, id),
  constraint certificates_come_once_per_course unique (user_id, course_id),
  constraint certificate_transaction_is_the_users foreign key (user_id, tx_id)
    references learn.transactions (user_id, tx_id),
  constraint certificate_number_is_a_word check (
    certificate_number ~ '^[!-~]+$' and length(certificate_number) <= 100),
  constraint verify_code_is_long check (
    verify_code ~ '^[!-~]+$' and length(verify_code) between 20 and 200),
  constraint course_title_is_not_blank check (course_title ~ '\S'),
  constraint token_data_belong_to_a_token check (
    token_id is not null
    or coalesce(collection_id, serial_number::text, metadata_uri, tx_id) is null),
  constraint minted_certificates_have_a_token check ((minted_at is null) = (token_id is null)),
  constraint token_id_is_not_blank check (token_id ~ '\S'),
  constraint serial_number_is_not_negative check (serial_number >= 0),
  constraint revocations_have_a_reason check ((revoked_at is null) = (revoked_reason is null)),
  constraint revoked_reason_is_not_blank check (revoked_reason ~ '\S')
) with (fillfactor = 80);
comment on table learn.nft_certificates is
  'One certificate per user and completed course. It stays when the course is deleted; '
  'what it says is frozen. Its name is the user''s display name of today.';
comment on column learn.nft_certificates.course_id is 'Null: the course is gone.';
comment on column learn.nft_certificates.certificate_number is
  'For people to read and quote, with the year of issue (UTC). Proves nothing.';
comment on column learn.nft_certificates.verify_code is
  'For verify_certificate(): 128 random bits in hex. Readable by no app role: certificates() '
  'gives learners theirs.';
comment on column learn.nft_certificates.course_title is 'The title when it was issued.';
comment on column learn.nft_certificates.completed_on is
  'The user''s local date of the completion, by the time zone of then.';
comment on column learn.nft_certificates.token_id is
  'The NFT on the network; null: none was minted. This and what follows are written once, '
  'by certificate_minted().';
comment on column learn.nft_certificates.revoked_at is
  'Since when it is not valid; null: it is.';
create unique index nft_certificates_number_is_unique
  on learn.nft_certificates (certificate_number);
create unique index nft_certificates_verify_code_is_unique
  on learn.nft_certificates (verify_code);
create unique index nft_certificates_token_is_unique
  on learn.nft_certificates (token_id, collection_id, serial_number) nulls not distinct
  where token_id is not null;
create index nft_certificates_course on learn.nft_certificates (course_id, user_id)
  where course_id is not null;
create index nft_certificates_transaction on learn.nft_certificates (user_id, tx_id);
grant select (user_id, id, course_id, certificate_number, course_title, completed_on, issued_at,
  token_id, collection_id, serial_number, metadata_uri, tx_id, minted_at,
  revoked_at, revoked_reason)
  on learn.nft_certificates to learn_app, learn_readonly;

create table learn.faucet_requests (
  user_id           uuid not null references learn.users on delete cascade,
  id                bigint generated always as identity,
  hedera_account_id text not null,
  amount_hbar       numeric(20, 8) not null,
  tx_id             text,
  status            text not null default 'pending',
  requested_at      timestamptz not null default learn.clock(),
  limited_until     timestamptz not null,
  completed_at      timestamptz,
  error             text,
  request_ip        inet,
  primary key (user_id, id),
  constraint faucet_transaction_is_the_users foreign key (user_id, tx_id)
    references learn.transactions (user_id, tx_id),
  constraint hedera_account_id_is_one check (
    hedera_account_id ~ '^(0|[1-9][0-9]{0,18})(\.(0|[1-9][0-9]{0,18})){2}$'),
  constraint amount_is_positive check (amount_hbar > 0 and amount_hbar <> 'NaN'),
  constraint status_is_known check (status in ('pending', 'submitted', 'completed', 'failed')),
  constraint limit_ends_after_the_request check (limited_until >= requested_at),
  constraint completion_is_of_completed_requests check (
    completed_at is null or status = 'completed'),
  -- The triggers tell the limit earlier and better (LX008). These hold it whatever the isolation
  -- level of two transactions at once.
  -- GiST has no equality of its own: hashes of 63 bits, as ranges of one element, stand for it.
  constraint users_wait_between_requests exclude using gist (
    int8range(uuid_hash_extended(user_id, 0) >> 1, uuid_hash_extended(user_id, 0) >> 1, '[]')
      with &&,
    tstzrange(requested_at, limited_until) with &&
  ) where (status <> 'failed') deferrable initially deferred,
  constraint accounts_wait_between_requests exclude using gist (
    int8range(hashtextextended(hedera_account_id, 0) >> 1,
      hashtextextended(hedera_account_id, 0) >> 1, '[]') with &&,
    tstzrange(requested_at, limited_until) with &&
  ) where (status <> 'failed') deferrable initially deferred
) with (fillfactor = 80);
comment on table learn.faucet_requests is
  'Requests for test hbar. One per user and per account within the setting faucet_interval_hours '
  '(else LX008), failed ones not counted. The status moves forward as that of transactions does.';
comment on column learn.faucet_requests.hedera_account_id is
  'Who is to get it: shard.realm.number, without leading zeros.';
comment on column learn.faucet_requests.amount_hbar is 'In hbar; a tinybar is 0.00000001.';
comment on column learn.faucet_requests.limited_until is
  'When user and account may ask again, by the setting at the time of the request.';
comment on column learn.faucet_requests.error is 'Why it failed.';
comment on column learn.faucet_requests.request_ip is
  'Where the request came from. Readable by no app role; erased with the user.';
create index faucet_requests_account
  on learn.faucet_requests (hedera_account_id, requested_at, user_id);
create index faucet_requests_transaction on learn.faucet_requests (user_id, tx_id);
grant select (user_id, id, hedera_account_id, amount_hbar, tx_id, status, requested_at,
  limited_until, completed_at, error)
  on learn.faucet_requests to learn_app, learn_readonly;

-- functions/operations/setting_string.sql
-- Reads a text from platform_settings.
-- Errors: LX003 no such setting.
create or replace function learn_internal.setting_string(p_key text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value text;
begin
  select s.value #>> '{}' into v_value
  from learn.platform_settings s
  where s.key = p_key and s.value_type = 'string';
  if not found then
    raise exception 'there is no textual setting %', p_key
      using errcode = 'LX003', detail = format('p_key = %s', p_key),
        hint = 'The settings there are: select * from learn.platform_settings.';
  end if;
  return v_value;
end;
$$;
comment on function learn_internal.setting_string(text) is 'Value of a textual platform setting.';
revoke all on function learn_internal.setting_string(text) from public;

-- functions/operations/setting_boolean.sql
-- Reads a switch from platform_settings.
-- Errors: LX003 no such setting.
create or replace function learn_internal.setting_boolean(p_key text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value boolean;
begin
  select s.value::boolean into v_value
  from learn.platform_settings s
  where s.key = p_key and s.value_type = 'boolean';
  if not found then
    raise exception 'there is no switch %', p_key
      using errcode = 'LX003', detail = format('p_key = %s', p_key),
        hint = 'The settings there are: select * from learn.platform_settings.';
  end if;
  return v_value;
end;
$$;
comment on function learn_internal.setting_boolean(text) is
  'Value of a platform setting that is on or off.';
revoke all on function learn_internal.setting_boolean(text) from public;

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
  if p_limit is null or p_limit not between 1 and 10000 or p_worker !~ '\S' then
    raise exception 'a worker claims 1 to 10,000 messages at a time, by a name or none'
      using errcode = 'LX001', detail = format('p_limit = %s, p_worker = %L', p_limit, p_worker),
        hint = 'Claim as many as you can do within outbox_timeout_seconds.';
  end if;

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
revoke all on function learn.claim_outbox(integer, text[], text) from public;
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
as $$
declare
  v_completed integer;
begin
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
revoke all on function learn.complete_outbox(bigint[]) from public;
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
as $$
declare
  v_now      timestamptz := learn.clock();
  v_pause    double precision := learn_internal.setting_number('outbox_retry_seconds');
  v_attempts integer := learn_internal.setting_number('outbox_max_attempts')::integer;
  v_failed   integer;
begin
  if coalesce(p_error, '') !~ '\S' then
    raise exception 'a failure has a reason'
      using errcode = 'LX001', detail = format('p_error = %L', p_error),
        hint = 'Say what went wrong: learn.outbox.error keeps it.';
  end if;
  perform from learn.outbox o
  where o.id = any (p_ids) and o.completed_at is null and o.failed_at is null
  order by o.id for update;
  update learn.outbox o
  set error = left(p_error, 10000),
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
revoke all on function learn.fail_outbox(bigint[], text, text) from public;
grant execute on function learn.fail_outbox(bigint[], text, text) to learn_app;

-- functions/notifications/retry_outbox.sql
-- Lets messages that were given up begin anew, when what made them fail is mended.
create or replace function learn.retry_outbox(p_ids bigint[])
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_retried integer;
begin
  update learn.outbox o
  set failed_at = null, attempts = 0, available_at = learn.clock()
  where o.id = any (p_ids) and o.failed_at is not null;
  get diagnostics v_retried = row_count;
  return v_retried;
end;
$$;
comment on function learn.retry_outbox(bigint[]) is
  'Lets messages that were given up begin anew; returns how many.';
revoke all on function learn.retry_outbox(bigint[]) from public;

-- functions/notifications/purge_outbox.sql
-- Deletes messages that were completed before a time. Those that are open or given up stay.
-- Errors: LX001 no time.
create or replace function learn.purge_outbox(p_before timestamptz)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
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
revoke all on function learn.purge_outbox(timestamptz) from public;

-- views/notifications/dead_outbox.sql
-- Messages that were given up after their last attempt, for somebody to look at.
create or replace view learn.dead_outbox as
select o.id, o.topic, o.key, o.payload, o.created_at, o.attempts, o.claimed_by, o.failed_at, o.error
from learn.outbox o
where o.failed_at is not null;
comment on view learn.dead_outbox is
  'Messages of the outbox that were given up; retry_outbox() lets them begin anew.';
grant select on learn.dead_outbox to learn_app, learn_readonly;

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
revoke all on function learn_internal.is_next_status(text, text) from public;

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
  'The name under which credentials of a user are shown; null: none.';
revoke all on function learn_internal.public_name(uuid) from public;

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
  if v_name !~ '\S' or v_url !~ '^[a-z][a-z0-9+.-]*:\S+$' or p_id !~ '^[a-z][a-z0-9+.-]*:\S+$' then
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
revoke all on function learn_internal.open_badge(text, timestamptz, text, jsonb) from public;

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
  select d.user_id, d.course_id, c.title, (d.at at time zone u.timezone)::date
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
revoke all on function learn_internal.issue_certificates(uuid[], bigint[], timestamptz[])
  from public;

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
as $$
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
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
revoke all on function learn.certificates(uuid) from public;
grant execute on function learn.certificates(uuid) to learn_app;

-- functions/credentials/verify_certificate.sql
-- What anybody may know who holds a certificate's code: what the certificate says, and whether
-- it is valid. No row for an unknown code. A code may be typed with hyphens, blanks and capitals.
create or replace function learn.verify_certificate(p_code text)
returns table (
  certificate_number text, course_title text, recipient text, completed_on date,
  issued_at timestamptz, is_valid boolean, token_id text
)
language sql
stable
security definer                  -- the code is readable by no app role
set search_path = pg_catalog, pg_temp
as $$
  select c.certificate_number, c.course_title, learn_internal.public_name(c.user_id),
    c.completed_on, c.issued_at, c.revoked_at is null, c.token_id
  from learn.nft_certificates c
  where c.verify_code in (p_code, lower(regexp_replace(p_code, '[-[:space:]]', '', 'g')))
  order by c.verify_code = p_code desc
  limit 1;
$$;
comment on function learn.verify_certificate(text) is
  'What a certificate says, and whether it is valid, for whoever holds its code. '
  'No row for an unknown code. The recipient is the display name, or null.';
revoke all on function learn.verify_certificate(text) from public;
grant execute on function learn.verify_certificate(text) to learn_app, learn_readonly;

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
      'image', case when v_course.icon_url ~ '^https?://\S+$' then
        jsonb_build_object('id', v_course.icon_url, 'type', 'Image') end)));
end;
$$;
comment on function learn.certificate_credential(text) is
  'A certificate as an unsigned credential of Open Badges 3.0, for whoever holds its code; '
  'null for an unknown code or a revoked certificate.';
revoke all on function learn.certificate_credential(text) from public;
grant execute on function learn.certificate_credential(text) to learn_app, learn_readonly;

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
as $$
declare
  v_achievement learn.achievements;
  v_earned_at   timestamptz;
  v_id          text;
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
  select a.* into v_achievement from learn.achievements a where a.slug = p_slug;
  if not found then
    raise exception 'unknown achievement'
      using errcode = 'LX003', detail = format('p_slug = %s', coalesce(p_slug, 'null')),
        hint = 'Look it up in learn.achievements.';
  end if;
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
      'image', case when v_achievement.icon ~ '^https?://\S+$' then
        jsonb_build_object('id', v_achievement.icon, 'type', 'Image') end)));
end;
$$;
comment on function learn.achievement_credential(uuid, text) is
  'An earned achievement as an unsigned credential of Open Badges 3.0; '
  'null when the user has not earned it.';
revoke all on function learn.achievement_credential(uuid, text) from public;
grant execute on function learn.achievement_credential(uuid, text) to learn_app, learn_readonly;

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
as $$
declare
  v_certificate learn.nft_certificates;
begin
  if coalesce(p_token_id, '') !~ '\S' or p_serial_number < 0 then
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
  if exists (
    select from learn.nft_certificates c
    where c.token_id = p_token_id and c.collection_id is not distinct from p_collection_id
      and c.serial_number is not distinct from p_serial_number)
  then
    raise exception 'the token is that of another certificate'
      using errcode = 'LX010',
        detail = format('token %s, serial number %s', p_token_id,
          coalesce(p_serial_number::text, 'none')),
        hint = 'In a collection the serial number tells NFTs apart.';
  end if;
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
revoke all on function learn.certificate_minted(text, text, text, bigint, text, text) from public;
grant execute on function learn.certificate_minted(text, text, text, bigint, text, text)
  to learn_app;

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
as $$
begin
  if coalesce(p_reason, '') !~ '\S' then
    raise exception 'a certificate is revoked for a reason'
      using errcode = 'LX001', detail = format('p_reason = %L', p_reason),
        hint = 'Say why: learn.nft_certificates.revoked_reason keeps it.';
  end if;
  update learn.nft_certificates c
  set revoked_at = learn.clock(), revoked_reason = p_reason
  where c.certificate_number = p_certificate_number and c.revoked_at is null;
  if found then
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
revoke all on function learn.revoke_certificate(text, text) from public;
grant execute on function learn.revoke_certificate(text, text) to learn_app;

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
as $$
declare
  v_id       bigint;
  v_earlier  learn.transactions;
begin
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
          left(p_tx_id, 50), left(p_tx_type, 50), p_amount_hbar, left(p_from_account, 50),
          left(p_to_account, 50)),
        hint = 'Ids and accounts are words of at most 200 characters, the type is in lower case, '
          'the amount is 0 or more, in hbar with at most 8 decimals.';
  end if;
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
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
  on conflict (tx_id) do nothing
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
revoke all on function learn.record_transaction(
  uuid, text, text, numeric, text, text, bigint, bigint) from public;
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
as $$
declare
  v_transaction learn.transactions;
begin
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
revoke all on function learn.advance_transaction(text, text, timestamptz, text) from public;
grant execute on function learn.advance_transaction(text, text, timestamptz, text) to learn_app;

-- functions/credentials/lock_faucet_accounts.sql
-- Users who ask the faucet for the same account take turns: by locks until the transaction ends,
-- in one order, behind the locks on the users. 256 locks serve all accounts, so that a bulk
-- statement does not fill the table of locks.
create or replace function learn_internal.lock_faucet_accounts(p_accounts text[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock('learn.faucet_requests'::regclass::integer, a.slot)
  from (
    select distinct hashtext(p.account) & 255 as slot
    from unnest(p_accounts) p(account)
    order by slot
  ) a;
end;
$$;
comment on function learn_internal.lock_faucet_accounts(text[]) is
  'Has users who ask the faucet for the same accounts take turns.';
revoke all on function learn_internal.lock_faucet_accounts(text[]) from public;

-- functions/credentials/request_faucet.sql
-- Asks the faucet for test hbar for an account. A worker pays: it gets a message 'faucet' from
-- the outbox. The request is the newest of the user in learn.faucet_requests.
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
  if p_amount is null or not (p_amount > 0
      and p_amount <= learn_internal.setting_number('faucet_max_hbar'))
    or scale(trim_scale(p_amount)) > 8
    or coalesce(p_account, '') !~ '^(0|[1-9][0-9]{0,18})(\.(0|[1-9][0-9]{0,18})){2}$'
  then
    raise exception 'account or amount is malformed'
      using errcode = 'LX001',
        detail = format('p_account = %L, p_amount = %s', left(p_account, 50), p_amount),
        hint = format('An account is like 0.0.1234; the amount is above 0 and at most %s hbar '
          '(setting faucet_max_hbar), with at most 8 decimals.',
          learn_internal.setting_number('faucet_max_hbar'));
  end if;
  perform learn_internal.lock_faucet_accounts(array[p_account]);
  insert into learn.faucet_requests
    (user_id, hedera_account_id, amount_hbar, requested_at, request_ip)
  values (p_user_id, p_account, p_amount, v_call.occurred_at, p_ip);
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.request_faucet(uuid, text, numeric, inet, timestamptz, text) is
  'Asks the faucet for test hbar for an account, once per user and per account in 24 hours '
  '(settings). A worker pays.';
revoke all on function learn.request_faucet(uuid, text, numeric, inet, timestamptz, text)
  from public;
grant execute on function learn.request_faucet(uuid, text, numeric, inet, timestamptz, text)
  to learn_app;

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
as $$
declare
  v_request learn.faucet_requests;
begin
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
revoke all on function learn.advance_faucet_request(uuid, bigint, text, text, text) from public;
grant execute on function learn.advance_faucet_request(uuid, bigint, text, text, text)
  to learn_app;

-- triggers/credentials/nft_certificates_hold.sql
-- Before certificates are written: content is held.
create or replace trigger nft_certificates_hold
  before insert or update of course_id on learn.nft_certificates
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger nft_certificates_hold on learn.nft_certificates is 'Keeps content as it is.';

-- triggers/credentials/fill_certificates.sql
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
    select (coalesce(p.completed_at, learn.clock()) at time zone u.timezone)::date
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
revoke all on function learn_internal.fill_certificates() from public;

create or replace trigger fill_certificates
  before insert on learn.nft_certificates
  for each row
  when (new.course_title is null or new.completed_on is null)
  execute function learn_internal.fill_certificates();
comment on trigger fill_certificates on learn.nft_certificates is
  'Fills in the title and the day where they are missing.';

-- triggers/credentials/keep_certificates.sql
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

-- triggers/credentials/announce_certificates.sql
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

-- triggers/credentials/transactions_hold.sql
-- Before transactions are written: content is held.
create or replace trigger transactions_hold
  before insert or update of course_id, achievement_id on learn.transactions
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger transactions_hold on learn.transactions is 'Keeps content as it is.';

-- triggers/credentials/keep_transactions.sql
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
      or (new.user_id, new.id) <> (old.user_id, old.id)
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
revoke all on function learn_internal.keep_transactions() from public;

create or replace trigger keep_transactions
  before update on learn.transactions
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.keep_transactions();
comment on trigger keep_transactions on learn.transactions is
  'Transactions move forward only (LX010).';

create or replace trigger link_transactions
  before insert on learn.transactions
  for each row
  when (new.tx_id is not null and new.hashscan_url is null)
  execute function learn_internal.keep_transactions();
comment on trigger link_transactions on learn.transactions is 'Fills in hashscan_url.';

-- triggers/credentials/faucet_requests_hold.sql
-- Before requests to the faucet are written: content is held, as users are locked then.
create or replace trigger faucet_requests_hold
  before insert on learn.faucet_requests
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger faucet_requests_hold on learn.faucet_requests is 'Keeps content as it is.';

-- triggers/credentials/keep_faucet_requests.sql
-- When a request to the faucet is written: until when it limits the next is filled in. When it is
-- changed: the status moves forward only, and what was asked for stays.
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
    new.limited_until := new.requested_at + interval '1 hour'
      * learn_internal.setting_number('faucet_interval_hours')::double precision;
  else
    if new.status <> old.status and not learn_internal.is_next_status(old.status, new.status)
      or new.tx_id is distinct from old.tx_id and old.tx_id is not null
      or (new.user_id, new.id, new.hedera_account_id, new.amount_hbar, new.requested_at)
        <> (old.user_id, old.id, old.hedera_account_id, old.amount_hbar, old.requested_at)
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
  'Row trigger: requests to the faucet move forward only (LX010); fills in limited_until '
  'and completed_at.';
revoke all on function learn_internal.keep_faucet_requests() from public;

create or replace trigger keep_faucet_requests
  before update on learn.faucet_requests
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.keep_faucet_requests();
comment on trigger keep_faucet_requests on learn.faucet_requests is
  'Requests move forward only (LX010).';

create or replace trigger limit_faucet_requests
  before insert on learn.faucet_requests
  for each row
  when (new.limited_until is null)
  execute function learn_internal.keep_faucet_requests();
comment on trigger limit_faucet_requests on learn.faucet_requests is 'Fills in limited_until.';

-- triggers/credentials/serve_faucet_requests.sql
-- When the faucet is asked: users and accounts wait between requests, and a worker gets to pay.
-- Locks come in order: users, then accounts. request_faucet() has them before the row is there.
-- Without that, two statements over the same users or accounts may meet at the constraints
-- that hold the limits whatever happens, and one of them gets 40P01.
-- Errors: LX001 amount above the maximum; LX003 the setting is missing; LX008.
create or replace function learn_internal.serve_faucet_requests()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
  v_maximum  numeric;
  v_refused  record;
begin
  select array_agg(distinct n.user_id) into v_user_ids from new_requests n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.lock_faucet_accounts(array_agg(n.hedera_account_id)) from new_requests n;

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
revoke all on function learn_internal.serve_faucet_requests() from public;

create or replace trigger serve_faucet_requests
  after insert on learn.faucet_requests
  referencing new table as new_requests
  for each statement
  execute function learn_internal.serve_faucet_requests();
comment on trigger serve_faucet_requests on learn.faucet_requests is
  'Users and accounts wait between requests (LX008); asks a worker to pay.';

-- Courses that were completed before there were certificates.
select learn_internal.issue_certificates(
  array_agg(p.user_id), array_agg(p.course_id), array_agg(p.completed_at))
from learn.user_course_progress p
where p.completed_at is not null;

-- functions/operations/check_integrity.sql

-- Recomputes every projection from facts, set-based, and compares. No row when all is well.
-- Reads only.
create or replace function learn.check_integrity()
returns table (check_name text, user_id uuid, expected text, actual text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  -- identity
  select 'user_has_stats', u.id, 'a row in user_stats', 'none'
  from learn.users u
  where not exists (select from learn.user_stats s where s.user_id = u.id)

  -- xp
  union all
  select 'total_xp_is_the_ledger_sum', s.user_id, x.total_xp::text, s.total_xp::text
  from learn.user_stats s
  join learn_internal.xp_recounts x on x.user_id = s.user_id
  where s.total_xp <> x.total_xp
  union all
  select 'level_follows_the_curve', s.user_id,
    learn.calculate_level_from_xp(s.total_xp)::text, s.current_level::text
  from learn.user_stats s
  where s.current_level <> learn.calculate_level_from_xp(s.total_xp)
  union all
  select 'levels_are_announced', s.user_id, x.highest_level::text, s.highest_level::text
  from learn.user_stats s
  join learn_internal.xp_recounts x on x.user_id = s.user_id
  where s.highest_level <> x.highest_level
  union all
  select 'facts_are_paid', coalesce(f.user_id, t.user_id),
    format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(f.xp, 0)),
    format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(t.xp, 0))
  from (
    select l.user_id, l.activity_type, sum(l.xp) as xp
    from learn.activity_log l
    where l.activity_type in (
      'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked')
    group by l.user_id, l.activity_type
  ) f
  full join (
    select t.user_id, t.activity_type, sum(t.amount) as xp
    from learn.xp_transactions t
    where t.activity_type in (
      'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked')
    group by t.user_id, t.activity_type
  ) t on t.user_id = f.user_id and t.activity_type = f.activity_type
  where coalesce(f.xp, 0) <> coalesce(t.xp, 0)

  -- streaks
  union all
  select 'active_days_follow_from_facts', coalesce(r.user_id, d.user_id),
    case when r.user_id is null then 'no ' || d.activity_date
      else format('%s freeze=%s', r.activity_date, r.is_freeze) end,
    case when d.user_id is null then 'no ' || r.activity_date
      else format('%s freeze=%s', d.activity_date, d.is_freeze) end
  from learn_internal.activity_day_recounts r
  full join learn.user_activity_days d
    on d.user_id = r.user_id and d.activity_date = r.activity_date
  where r.is_freeze is distinct from d.is_freeze
  union all
  select 'streak_follows_from_days', s.user_id,
    format('current %s, longest %s, days %s, last %s',
      coalesce(r.current_streak, 0), coalesce(r.longest_streak, 0),
      coalesce(r.active_days, 0), r.last_activity_date),
    format('current %s, longest %s, days %s, last %s',
      s.current_streak, s.longest_streak, s.active_days, s.last_activity_date)
  from learn.user_stats s
  left join learn_internal.streak_states r on r.user_id = s.user_id
  where (s.current_streak, s.longest_streak, s.active_days)
    <> (coalesce(r.current_streak, 0), coalesce(r.longest_streak, 0), coalesce(r.active_days, 0))
    or s.last_activity_date is distinct from r.last_activity_date
  union all
  select 'freezes_held_are_counted', s.user_id, coalesce(z.held, 0)::text, s.streak_freezes::text
  from learn.user_stats s
  left join (
    select f.user_id, count(*) as held from learn.streak_freezes f
    where f.used_on is null group by f.user_id
  ) z on z.user_id = s.user_id
  where s.streak_freezes <> coalesce(z.held, 0)

  -- activity
  union all
  select 'metrics_follow_from_facts', coalesce(r.user_id, m.user_id),
    format('%s %s = %s',
      coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(r.value, 0)),
    format('%s %s = %s',
      coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(m.value, 0))
  from learn_internal.metric_recounts r
  full join learn.user_metrics m
    on m.user_id = r.user_id and m.metric = r.metric and m.scope = r.scope
  where coalesce(r.value, 0) <> coalesce(m.value, 0)

  union all
  select 'metric_days_follow_from_facts', coalesce(r.user_id, d.user_id),
    case when r.user_id is null then 'none'
      else format('%s %s %s', r.metric, r.scope, r.activity_date) end,
    case when d.user_id is null then 'none'
      else format('%s %s %s', d.metric, d.scope, d.activity_date) end
  from learn_internal.metric_day_recounts r
  full join learn_internal.user_metric_days d
    on d.user_id = r.user_id and d.metric = r.metric and d.scope = r.scope
      and d.activity_date = r.activity_date
  where r.user_id is null or d.user_id is null

  -- catalog
  union all
  select 'course_sizes_follow_from_lessons', null::uuid,
    format('course %s: %s lessons, %s levels, weight %s', c.id,
      coalesce(z.total_lessons, 0), coalesce(z.total_levels, 0), coalesce(z.total_weight, 0)),
    format('course %s: %s lessons, %s levels, weight %s', c.id,
      c.total_lessons, c.total_levels, c.total_weight)
  from learn.courses c
  left join learn_internal.course_sizes z on z.course_id = c.id
  where (c.total_lessons, c.total_levels, c.total_weight)
    <> (coalesce(z.total_lessons, 0), coalesce(z.total_levels, 0), coalesce(z.total_weight, 0))
  union all
  select 'lessons_are_available_when_all_is_published', null,
    format('lesson %s: %s', l.id, not l.is_available), format('lesson %s: %s', l.id, l.is_available)
  from learn.lessons l
  left join learn.course_levels v on v.id = l.course_level_id
  left join learn.courses c on c.id = l.course_id
  where l.is_available
    <> (l.is_published and coalesce(v.is_published, true) and coalesce(c.is_published, true))

  -- practice
  union all
  select 'exercise_progress_follows_from_submissions', coalesce(r.user_id, p.user_id),
    format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
      (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)),
    format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
      (p.submissions, p.wrong_submissions, p.failed_submissions, p.is_first_try, p.solved_at))
  from learn_internal.exercise_recounts r
  full join learn.user_exercise_progress p
    on p.user_id = r.user_id and p.exercise_id = r.exercise_id
  where (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)
    is distinct from (p.submissions, p.wrong_submissions,
      p.failed_submissions, p.is_first_try, p.solved_at)

  -- progress
  union all
  select 'solved_lessons_are_completed', v.user_id,
    format('lesson %s completed', v.lesson_id), 'not completed'
  from learn_internal.solved_lessons v
  join learn.lessons l on l.id = v.lesson_id
  where not exists (
    select from learn.user_lesson_progress p
    where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null)
    and (l.course_id is null or exists (  -- else when they enrol
      select from learn.user_course_progress p
      where p.user_id = v.user_id and p.course_id = l.course_id))
  union all
  select 'completed_lessons_are_facts', p.user_id,
    format('a fact for lesson %s', p.lesson_id), 'none'
  from learn.user_lesson_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'lesson_completed'
    and f.subject_type = 'lesson' and f.subject_id = p.lesson_id::text
  where p.completed_at is not null and f.id is null
  union all
  select 'enrolments_are_facts', p.user_id,
    format('a fact for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'course_enrolled'
    and f.subject_type = 'course' and f.subject_id = p.course_id::text
  where f.id is null
  union all
  select 'course_progress_follows_from_lessons', p.user_id,
    format('course %s: lessons %s of %s, levels %s of %s, weight %s of %s, %s seconds', p.course_id,
      coalesce(r.lessons_completed, 0), c.total_lessons, coalesce(v.levels_completed, 0),
      c.total_levels, coalesce(r.weight_completed, 0), c.total_weight,
      coalesce(r.time_spent_seconds, 0)),
    format('course %s: lessons %s of %s, levels %s of %s, weight %s of %s, %s seconds', p.course_id,
      p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels,
      p.weight_completed, p.total_weight, p.time_spent_seconds)
  from learn.user_course_progress p
  join learn.courses c on c.id = p.course_id
  left join learn_internal.course_recounts r
    on r.user_id = p.user_id and r.course_id = p.course_id
  left join learn_internal.course_level_recounts v
    on v.user_id = p.user_id and v.course_id = p.course_id
  where (p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels,
      p.weight_completed, p.total_weight, p.time_spent_seconds)
    <> (coalesce(r.lessons_completed, 0), c.total_lessons, coalesce(v.levels_completed, 0),
      c.total_levels, coalesce(r.weight_completed, 0), c.total_weight,
      coalesce(r.time_spent_seconds, 0))
  union all
  select 'full_courses_are_completed', p.user_id,
    format('course %s completed', p.course_id), 'not completed'
  from learn.user_course_progress p
  join learn.courses c on c.id = p.course_id and c.is_published
  where p.completion_percentage = 100 and p.completed_at is null
  union all
  select 'completed_courses_are_facts', p.user_id,
    format('a fact for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'course_completed'
    and f.subject_type = 'course' and f.subject_id = p.course_id::text
  where p.completed_at is not null and f.id is null
  union all
  select 'due_levels_are_unlocked', d.user_id, format('level %s unlocked', d.course_level_id),
    'locked'
  from learn_internal.due_level_unlocks d
  union all
  select 'full_levels_are_completed', r.user_id, format('level %s completed', r.course_level_id),
    'not completed'
  from learn_internal.level_recounts r
  join learn.user_level_unlocks u
    on u.user_id = r.user_id and u.course_level_id = r.course_level_id
  where u.completed_at is null
  union all
  select 'track_progress_follows_from_items', coalesce(r.user_id, p.user_id),
    format('track %s: %s of %s',
      coalesce(r.track_id, p.track_id), coalesce(r.items_completed, 0), coalesce(z.total_items, 0)),
    format('track %s: %s of %s',
      coalesce(r.track_id, p.track_id), coalesce(p.items_completed, 0), coalesce(p.total_items, 0))
  from learn_internal.track_recounts r
  full join learn.user_track_progress p on p.user_id = r.user_id and p.track_id = r.track_id
  left join learn_internal.track_sizes z on z.track_id = coalesce(r.track_id, p.track_id)
  where coalesce(r.items_completed, 0) <> coalesce(p.items_completed, 0)
    or coalesce(z.total_items, 0) <> coalesce(p.total_items, 0)
  union all
  select 'full_tracks_are_completed', p.user_id,
    format('track %s completed', p.track_id), 'not completed'
  from learn.user_track_progress p
  join learn.tracks t on t.id = p.track_id and t.is_published
  where p.total_items > 0 and p.items_completed = p.total_items and p.completed_at is null
  union all
  select 'path_progress_follows_from_tracks', coalesce(r.user_id, p.user_id),
    format('path %s: %s of %s',
      coalesce(r.path_id, p.path_id), coalesce(r.tracks_completed, 0), coalesce(z.total_tracks, 0)),
    format('path %s: %s of %s',
      coalesce(r.path_id, p.path_id), coalesce(p.tracks_completed, 0), coalesce(p.total_tracks, 0))
  from learn_internal.path_recounts r
  full join learn.user_path_progress p on p.user_id = r.user_id and p.path_id = r.path_id
  left join learn_internal.path_sizes z on z.path_id = coalesce(r.path_id, p.path_id)
  where coalesce(r.tracks_completed, 0) <> coalesce(p.tracks_completed, 0)
    or coalesce(z.total_tracks, 0) <> coalesce(p.total_tracks, 0)
  union all
  select 'full_paths_are_completed', p.user_id,
    format('path %s completed', p.path_id), 'not completed'
  from learn.user_path_progress p
  join learn.learning_paths l on l.id = p.path_id and l.is_published
  where p.total_tracks > 0 and p.tracks_completed = p.total_tracks and p.completed_at is null
  union all
  select 'full_difficulties_are_completed', r.user_id,
    format('difficulty %s completed', r.difficulty), 'not completed'
  from learn_internal.difficulty_recounts r
  where not exists (
    select from learn.user_difficulty_progress p
    where p.user_id = r.user_id and p.difficulty = r.difficulty)

  -- achievements
  union all
  select 'achievements_follow_from_facts', coalesce(r.user_id, u.user_id),
    case when r.user_id is null then 'no achievement ' || u.achievement_id
      else 'achievement ' || r.achievement_id end,
    case when u.user_id is null then 'no achievement ' || r.achievement_id
      else 'achievement ' || u.achievement_id end
  from learn_internal.achievement_recounts r
  full join learn.user_achievements u
    on u.user_id = r.user_id and u.achievement_id = r.achievement_id
  where r.user_id is null or u.user_id is null
  union all
  select 'reached_achievements_are_earned', d.user_id, d.slug, 'not earned'
  from learn_internal.deserved_achievements d
  where (d.is_sole or learn_internal.satisfies_criteria(d.user_id, d.criteria))
    and not learn_internal.was_deserved_before(
      d.user_id, d.metric, d.scope, d.threshold, d.criteria_changed_at)

  -- community
  union all
  select 'discussion_counts_follow_from_rows', d.author_id,
    format('discussion %s: %s', d.id,
      (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)),
    format('discussion %s: %s', d.id,
      (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved))
  from learn.discussions d
  join learn_internal.discussion_recounts c on c.discussion_id = d.id
  where (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved)
    <> (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)
  union all
  select 'reply_counts_follow_from_votes', r.author_id,
    format('reply %s: %s', r.id, (c.upvote_count, c.downvote_count)),
    format('reply %s: %s', r.id, (r.upvote_count, r.downvote_count))
  from learn.replies r
  join learn_internal.reply_recounts c on c.reply_id = r.id
  where (r.upvote_count, r.downvote_count) <> (c.upvote_count, c.downvote_count)
  union all
  select 'posts_are_facts', p.user_id,
    format('%s for %s %s', p.activity_type, p.subject_type, p.subject_id), 'none'
  from learn_internal.post_facts p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = p.activity_type
    and f.subject_type = p.subject_type and f.subject_id = p.subject_id
  where f.id is null

  -- credentials
  union all
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
$$;
comment on function learn.check_integrity() is
  'Recomputes every projection from facts and compares; no row when all is well. Reads only.';
revoke all on function learn.check_integrity() from public;

-- functions/operations/rebuild_users.sql

-- Recomputes every projection of users from facts: active days and streaks,
-- XP and levels from the ledger, metrics, progress in exercises, courses, tracks,
-- paths and difficulties.
-- Nothing is paid, earned or lost: the ledger, the log and what was earned are the facts;
-- an achievement whose row was lost is put back from the log.
create or replace function learn_internal.rebuild_users(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.hold_content();
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  insert into learn.user_stats (user_id)
  select u.id from learn.users u where u.id = any (p_user_ids)
  on conflict do nothing;

  -- Days and streaks
  delete from learn.user_activity_days d where d.user_id = any (p_user_ids);
  insert into learn.user_activity_days (user_id, activity_date, is_freeze)
  select r.user_id, r.activity_date, r.is_freeze
  from learn_internal.activity_day_recounts r
  where r.user_id = any (p_user_ids);

  -- XP, level, streak
  update learn.user_stats s
  set total_xp = x.total_xp,
    current_level = learn.calculate_level_from_xp(x.total_xp),
    highest_level = x.highest_level,
    current_streak = coalesce(d.current_streak, 0),
    longest_streak = coalesce(d.longest_streak, 0),
    active_days = coalesce(d.active_days, 0),
    last_activity_date = d.last_activity_date,
    streak_freezes = (
      select count(*) from learn.streak_freezes z
      where z.user_id = s.user_id and z.used_on is null)
  from (
    select * from learn_internal.xp_recounts r where r.user_id = any (p_user_ids)
  ) x
  left join (
    select * from learn_internal.streak_states t where t.user_id = any (p_user_ids)
  ) d on d.user_id = x.user_id
  where s.user_id = any (p_user_ids) and x.user_id = s.user_id;

  -- Metrics
  delete from learn.user_metrics m where m.user_id = any (p_user_ids);
  insert into learn.user_metrics (user_id, metric, scope, value)
  select r.user_id, r.metric, r.scope, r.value
  from learn_internal.metric_recounts r
  where r.user_id = any (p_user_ids) and r.value <> 0;

  delete from learn_internal.user_metric_days d where d.user_id = any (p_user_ids);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
  select r.user_id, r.metric, r.scope, r.activity_date
  from learn_internal.metric_day_recounts r
  where r.user_id = any (p_user_ids);

  -- Progress
  delete from learn.user_exercise_progress p
  where p.user_id = any (p_user_ids) and not exists (
    select from learn.query_submissions q
    where q.user_id = p.user_id and q.exercise_id = p.exercise_id);
  insert into learn.user_exercise_progress as p
    (user_id, exercise_id, submissions, wrong_submissions,
     failed_submissions, is_first_try, solved_at)
  select r.user_id, r.exercise_id, r.submissions, r.wrong_submissions,
    r.failed_submissions, r.is_first_try, r.solved_at
  from learn_internal.exercise_recounts r
  where r.user_id = any (p_user_ids)
  on conflict (user_id, exercise_id) do update
    set submissions = excluded.submissions, wrong_submissions = excluded.wrong_submissions,
      failed_submissions = excluded.failed_submissions, is_first_try = excluded.is_first_try,
      solved_at = excluded.solved_at;

  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select r.user_id, r.achievement_id, r.earned_at, '{"is_restored": true}'
  from learn_internal.achievement_recounts r
  where r.user_id = any (p_user_ids)
  on conflict do nothing;

  -- What was completed stays completed: the facts say so, and are not written again.
  insert into learn.user_level_unlocks as p (user_id, course_level_id, unlocked_at, completed_at)
  select c.user_id, v.id, c.completed_at, c.completed_at
  from learn_internal.completion_facts c
  join learn.course_levels v on c.activity_type = 'level_completed' and v.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, course_level_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  update learn.user_course_progress p
  set completed_at = c.completed_at
  from learn_internal.completion_facts c
  where c.user_id = any (p_user_ids) and c.activity_type = 'course_completed'
    and p.user_id = c.user_id and p.course_id::text = c.subject_id and p.completed_at is null;
  insert into learn.user_track_progress as p (user_id, track_id, total_items, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.tracks t on c.activity_type = 'track_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, track_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_path_progress as p (user_id, path_id, total_tracks, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.learning_paths t on c.activity_type = 'path_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, path_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
  select c.user_id, t.key, c.completed_at
  from learn_internal.completion_facts c
  join learn.difficulties t on c.activity_type = 'difficulty_completed' and t.key = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict do nothing;

  perform learn_internal.settle_courses(p_user_ids, (select array_agg(c.id) from learn.courses c));
  perform learn_internal.recount_tracks(p_user_ids, (select array_agg(t.id) from learn.tracks t));
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_paths(
    p_user_ids, (select array_agg(p.id) from learn.learning_paths p)) f;
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_difficulties(
    p_user_ids, (select array_agg(d.key) from learn.difficulties d)) f;

  -- Community
  perform learn_internal.recount_posts(p_user_ids);

  -- Certificates that are missing; those that are there stay as they were issued.
  perform learn_internal.issue_certificates(
    array_agg(p.user_id), array_agg(p.course_id), array_agg(p.completed_at))
  from learn.user_course_progress p
  where p.user_id = any (p_user_ids) and p.completed_at is not null;
end;
$$;
comment on function learn_internal.rebuild_users(uuid[]) is
  'Recomputes every projection of users from facts.';
revoke all on function learn_internal.rebuild_users(uuid[]) from public;

-- functions/progress/complete_courses.sql

-- Marks courses as completed for users, parallel arrays, and follows up: facts, certificates
-- and tracks.
create or replace function learn_internal.complete_courses(
  p_user_ids uuid[], p_course_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
as $$
declare
  v_facts learn_internal.fact[];
begin
  with completed as (
    update learn.user_course_progress p
    set completed_at = c.at
    from unnest(p_user_ids, p_course_ids, p_at) c(user_id, course_id, at)
    where p.user_id = c.user_id and p.course_id = c.course_id
    returning p.user_id, p.course_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'course_completed', 'course', c.course_id::text,
      jsonb_build_object('slug', k.slug, 'category', k.category, 'difficulty', k.difficulty,
        'language', k.language, 'track', t.slug),
      k.completion_xp, c.completed_at)::learn_internal.fact
    order by c.user_id, c.completed_at, c.course_id)
  into v_facts
  from completed c
  join learn.courses k on k.id = c.course_id
  left join learn.tracks t on t.id = k.track_id;
  perform learn_internal.write_facts(v_facts);

  perform learn_internal.issue_certificates(p_user_ids, p_course_ids, p_at);
  perform learn_internal.advance_tracks(p_user_ids, 'course', p_course_ids, p_at);
end;
$$;
comment on function learn_internal.complete_courses(uuid[], bigint[], timestamptz[]) is
  'Completes courses for users, writes the facts, issues certificates, and moves the tracks.';
revoke all on function learn_internal.complete_courses(uuid[], bigint[], timestamptz[]) from public;

reset role;
