-- Identity: users and their figures

set role learn_owner;

-- functions/identity/get_password_hash.sql

-- The stored hash of one active user's password, for the backend to verify;
-- null where there is none.
create or replace function learn.get_password_hash(p_user_id uuid)
returns text
language sql
stable
security definer                  -- no app role reads user_credentials
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  select c.password_hash
  from learn.user_credentials c
  join learn.users u on u.id = c.user_id
  where c.user_id = p_user_id and u.is_active;
$$;
comment on function learn.get_password_hash(uuid) is
  'The hash of one active user''s password, for the backend to verify; null where there is none.';
grant execute on function learn.get_password_hash(uuid) to learn_app;

-- functions/identity/set_password_hash.sql

-- Stores the hash of a user's password, made by the backend. Laurel never sees a password.
-- Errors: LX001 blank hash; LX002 unknown user.
create or replace function learn.set_password_hash(p_user_id uuid, p_password_hash text)
returns void
language plpgsql
volatile
security definer                  -- no app role reads or writes user_credentials
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_size('p_password_hash', length(p_password_hash), 1000);
  perform learn_internal.hold_content();
  if coalesce(p_password_hash, '') !~ E'\\S' then
    raise exception 'the password hash is blank'
      using errcode = 'LX001', detail = 'p_password_hash is blank or null',
        hint = 'Hash the password in the backend.';
  end if;
  perform learn_internal.require_user(p_user_id);
  insert into learn.user_credentials (user_id, password_hash)
  values (p_user_id, p_password_hash)
  on conflict (user_id) do update
    set password_hash = excluded.password_hash, updated_at = learn.clock();
  perform learn_internal.audit('set_password_hash', 'password', p_user_id);
end;
$$;
comment on function learn.set_password_hash(uuid, text) is
  'Stores the hash of a user''s password, made by the backend.';
grant execute on function learn.set_password_hash(uuid, text) to learn_app;

-- functions/identity/is_timezone.sql

-- Whether a name is an IANA time zone. PostgreSQL also takes abbreviations and POSIX rules,
-- whose signs are the other way round (UTC+3 is three hours west): those are not IANA names.
create or replace function learn_internal.is_timezone(p_name text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_name in ('UTC', 'GMT') then
    return true;
  end if;
  if p_name !~ '^[A-Za-z_]+(/[A-Za-z_]+(-[A-Za-z_]+)*)+$' then
    -- Japan, Etc/GMT+3; slow, rare
    return exists (select from pg_catalog.pg_timezone_names n where n.name = p_name);
  end if;
  perform now() at time zone p_name;
  return true;
exception
  when invalid_parameter_value then
    return false;
end;
$$;
comment on function learn_internal.is_timezone(text) is 'Whether a name is an IANA time zone.';

-- functions/identity/register_user.sql

-- Makes a user. Signing up is a fact, so that a welcome badge is there when this returns.
-- Errors: LX001 blank or taken username, malformed or taken email, unknown time zone,
-- malformed locale.
create or replace function learn.register_user(
  p_username     text,
  p_email        text default null,
  p_timezone     text default 'UTC',
  p_locale       text default 'en',
  p_display_name text default null
)
returns uuid
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_user_id    uuid;
  v_constraint text;
  v_problem    text;
begin
  perform learn_internal.require_size('p_username', length(p_username), 100);
  perform learn_internal.require_size('p_email', length(p_email), 320);
  perform learn_internal.require_size('p_timezone', length(p_timezone), 100);
  perform learn_internal.require_size('p_locale', length(p_locale), 100);
  p_display_name := learn_internal.require_text('p_display_name', p_display_name, 200, true);
  p_username := normalize(p_username, nfc);
  v_problem := coalesce('username ' || learn_internal.text_problem(p_username, true),
    'email ' || learn_internal.text_problem(p_email, true),
    'locale ' || learn_internal.text_problem(p_locale, true));
  if v_problem is not null then
    raise exception 'the user cannot be registered'
      using errcode = 'LX001', detail = v_problem,
        hint = 'A username is one line of characters that can be seen, without blanks at its ends.';
  end if;
  perform learn_internal.hold_content();
  insert into learn.users (username, email, timezone, locale, display_name)
  values (p_username, p_email, coalesce(p_timezone, 'UTC'),
    coalesce(p_locale, 'en'), p_display_name)
  returning id into v_user_id;
  return v_user_id;
exception
  when unique_violation or check_violation or not_null_violation then
    get stacked diagnostics v_constraint = constraint_name;
    raise exception 'the user cannot be registered'
      using errcode = 'LX001',
        detail = format('%s: username = %s, email = %s, locale = %s',
          case v_constraint
            when 'users_username_is_unique' then 'username is taken'
            when 'users_username_has_no_twin' then 'username is taken, or one that looks the same'
            when 'users_email_is_unique' then 'email is taken'
            when 'users_email_has_no_twin' then 'email is taken'
            when '' then 'username is missing'
            else replace(v_constraint, '_', ' ') || ' does not hold'
          end, coalesce(p_username, 'null'), coalesce(p_email, 'null'), p_locale),
        hint = 'Usernames and emails are unique without regard to case; '
          'only the username is required.';
end;
$$;
comment on function learn.register_user(text, text, text, text, text) is
  'Makes a user and returns the id. Time zone: an IANA name; locale: a language tag.';
grant execute on function learn.register_user(text, text, text, text, text) to learn_app;

-- functions/identity/require_timezones.sql

-- Refuses time zones that are none.
-- Errors: LX001.
create or replace function learn_internal.require_timezones(p_names text[])
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
begin
  select n into v_name from unnest(p_names) n where not learn_internal.is_timezone(n) limit 1;
  if found then
    raise exception 'unknown time zone'
      using errcode = 'LX001', detail = format('timezone = %s', left(v_name, 100)),
        hint = 'Use an IANA name such as Europe/Paris or UTC.';
  end if;
end;
$$;
comment on function learn_internal.require_timezones(text[]) is
  'Refuses names that are no IANA time zones (LX001).';

-- functions/identity/select_avatar.sql

-- Selects the avatar that a user shows: a default one, or one that the user has unlocked;
-- null: none.
-- Errors: LX001, LX002, LX003 unknown avatar, LX004 user inactive, LX010 not the user's, LX013.
create or replace function learn.select_avatar(
  p_user_id         uuid,
  p_avatar_id       bigint,
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
    'select_avatar', p_user_id, jsonb_build_object('avatar_id', p_avatar_id),
    p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  if p_avatar_id is not null and not exists (
    select from learn.avatars a where a.id = p_avatar_id)
  then
    raise exception 'unknown avatar'
      using errcode = 'LX003', detail = format('p_avatar_id = %s', p_avatar_id),
        hint = 'Look the avatar up in learn.avatars.';
  end if;
  update learn.users u set selected_avatar_id = p_avatar_id
  where u.id = p_user_id and u.selected_avatar_id is distinct from p_avatar_id;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.select_avatar(uuid, bigint, timestamptz, text) is
  'Selects the avatar that a user shows: a default one or one of the user''s own; null: none.';
grant execute on function learn.select_avatar(uuid, bigint, timestamptz, text) to learn_app, learn_user;

-- triggers/identity/users.sql

-- What happens when rows of learn.users are written, in the order in which triggers fire.
-- Errors: LX001, LX010.

-- When a user shows another avatar: it must be a default one, or one that the user has unlocked.
-- Errors: LX010 the avatar is not the user's.
create or replace function learn_internal.check_avatar()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from learn.avatars a where a.id = new.selected_avatar_id and a.is_default)
    and not exists (
      select from learn.user_avatars o where o.user_id = new.id and o.avatar_id = new.selected_avatar_id)
  then
    raise exception 'the avatar is not unlocked'
      using errcode = 'LX010',
        detail = format('user_id = %s, avatar_id = %s', new.id, new.selected_avatar_id),
        hint = 'Default avatars belong to everyone, others come with achievements: learn.avatar_collection().';
  end if;
  return new;
end;
$$;
comment on function learn_internal.check_avatar() is
  'Row trigger: a user shows only avatars that are the user''s (LX010).';

create or replace trigger check_avatar
  before update of selected_avatar_id on learn.users
  for each row
  when (new.selected_avatar_id is not null and new.selected_avatar_id is distinct from old.selected_avatar_id)
  execute function learn_internal.check_avatar();

create or replace trigger check_first_avatar
  before insert on learn.users
  for each row when (new.selected_avatar_id is not null)
  execute function learn_internal.check_avatar();

-- When a user is deleted: what workers have said of their errors may name them, so it goes, too. What they say later is of
-- nobody: see fail_outbox(). Workers hold content before they lock messages, so none of them has locked one now.
create or replace function learn_internal.forget_errors()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update learn.outbox o set error = null
  where o.payload ->> 'user_id' = old.id::text and o.error is not null;
  return null;
end;
$$;
comment on function learn_internal.forget_errors() is
  'Row trigger: what workers have said of errors goes with the user.';

create or replace trigger forget_errors
  after delete on learn.users
  for each row execute function learn_internal.forget_errors();

-- Before a user is deleted: what was tallied of the user is taken out again, because afterwards nobody knows the
-- week of registration. The user's row is locked by now: no fact of theirs can come in between.
create or replace function learn_internal.tally_deleted_users()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.tally_user(old.id, -1);
  return old;
end;
$$;
comment on function learn_internal.tally_deleted_users() is
  'Row trigger: takes out of the tallies what was counted of a user, before the user is deleted.';

create or replace trigger tally_deleted_users
  before delete on learn.users
  for each row execute function learn_internal.tally_deleted_users();

-- When a user's row is changed, its updated_at says so; that the user was seen is no change.
create or replace trigger users_touch
  before update of id, username, email, display_name, avatar_url, avatar_emoji, bio, locale, timezone, day_starts_at,
    zone_number, zone_since, role, skill_level, evm_address, hedera_account_id, preferences, is_active, is_verified,
    onboarding_completed, show_on_leaderboard, selected_avatar_id, created_at, updated_at
  on learn.users
  for each row
  when ((old.last_login_at, old.last_active_at) is not distinct from (new.last_login_at, new.last_active_at)
    and old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

-- When a user moves to another time zone, which must be one, or lets days start at another time: since when, and what
-- was before, is kept. Days that were are not rewritten.
-- Errors: LX001 unknown time zone.
create or replace function learn_internal.keep_zone()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    new.zone_number := 0;
    new.zone_since := null;
    return new;
  end if;
  if (new.timezone, new.day_starts_at) <> (old.timezone, old.day_starts_at)
    or new.zone_since is distinct from old.zone_since and learn_internal.is_merging() then  -- with one of another zone
    perform learn_internal.require_timezones(array[new.timezone]);
    new.zone_number := old.zone_number + 1;
    new.zone_since := greatest(learn.clock(), old.zone_since);
    insert into learn.user_timezones (user_id, number, timezone, day_starts_at, until)
    values (old.id, old.zone_number, old.timezone, old.day_starts_at, new.zone_since);
  else
    new.zone_number := old.zone_number;
    new.zone_since := old.zone_since;
  end if;
  return new;
end;
$$;
comment on function learn_internal.keep_zone() is
  'Row trigger: keeps the zone that a user had, when it is changed for another.';

create or replace trigger keep_zone
  before update of timezone, day_starts_at, zone_number, zone_since on learn.users
  for each row when ((old.timezone, old.day_starts_at, old.zone_number, old.zone_since)
    is distinct from (new.timezone, new.day_starts_at, new.zone_number, new.zone_since))
  execute function learn_internal.keep_zone();

create or replace trigger keep_first_zone
  before insert on learn.users
  for each row when (new.zone_number <> 0 or new.zone_since is not null)
  execute function learn_internal.keep_zone();

-- When users are renamed, come and go, or want to be seen or not: their boards are marked to be recounted;
-- when they move to another time zone, where a streak ends at another time: the one of streaks to be looked up.
-- For each row, because nearly all updates of users are of other columns: those cost nothing.
create or replace function learn_internal.mark_user_boards()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.board_gains (user_id, metric, local_date)
  values (new.id, tg_argv[0], '-infinity');
  return null;
end;
$$;
comment on function learn_internal.mark_user_boards() is
  'Row trigger: marks the boards of a user to be recounted. Argument: the metric; empty for all.';

create or replace trigger users_seen
  after update of username, is_active, show_on_leaderboard on learn.users
  for each row when ((old.username, old.is_active, old.show_on_leaderboard)
    is distinct from (new.username, new.is_active, new.show_on_leaderboard))
  execute function learn_internal.mark_user_boards('');

create or replace trigger users_moved
  after update of timezone, day_starts_at on learn.users
  for each row when ((old.timezone, old.day_starts_at) <> (new.timezone, new.day_starts_at))
  execute function learn_internal.mark_user_boards('current_streak');

-- When users are made: each gets a stats row, and signing up is a fact. Of what several at once, an import, earn by it,
-- they are not notified.
-- Errors: LX001 unknown time zone.
create or replace function learn_internal.register_users()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_quiet text := coalesce(current_setting('learn.quiet', true), '');
begin
  if not exists (select from new_users) then
    return null;
  end if;
  perform learn_internal.require_timezones(array_agg(distinct u.timezone)) from new_users u;

  insert into learn.user_stats (user_id, registered_on)
  select u.id, (u.created_at at time zone u.timezone - u.day_starts_at)::date from new_users u order by u.id;
  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'registrations', s.registered_on, '', count(*)
  from new_users u
  join learn.user_stats s on s.user_id = any (array[u.id])
  group by s.registered_on;

  if (select count(*) from new_users) > 1 then
    perform set_config('learn.quiet', 'on', true);
  end if;
  insert into learn.activity_log (user_id, activity_type, occurred_at, local_date, is_qualifying)
  select u.id, t.key, u.created_at, (u.created_at at time zone u.timezone - u.day_starts_at)::date, t.is_qualifying
  from new_users u
  join learn.activity_types t on t.key = 'user_registered'
  order by u.id;
  perform set_config('learn.quiet', v_quiet, true);
  return null;
end;
$$;
comment on function learn_internal.register_users() is
  'Statement trigger: makes users'' stats rows and writes user_registered facts.';

create or replace trigger register_users
  after insert on learn.users referencing new table as new_users
  for each statement execute function learn_internal.register_users();

-- When users are deleted: they leave the boards at once.
create or replace function learn_internal.recount_deleted_boards()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from old_users) then
    perform learn_internal.recount_boards(array_agg(o.id)) from old_users o;
    perform learn_internal.request_merge(null);  -- at commit: nothing of them is left anywhere
  end if;
  return null;
end;
$$;
comment on function learn_internal.recount_deleted_boards() is 'Statement trigger: takes deleted users off the boards.';

create or replace trigger users_gone
  after delete on learn.users referencing old table as old_users
  for each statement execute function learn_internal.recount_deleted_boards();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.users
  for each row when (learn_internal.is_off_time(
    greatest(new.created_at, new.updated_at, new.last_login_at, new.last_active_at),
    least(new.created_at, new.updated_at, new.last_login_at, new.last_active_at)))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'last_login_at', 'last_active_at');

create or replace trigger refuse_new_times
  before update of created_at, updated_at, last_login_at on learn.users
  for each row when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at)
    or new.updated_at is distinct from old.updated_at and learn_internal.is_off_time(new.updated_at, new.updated_at)
    or new.last_login_at is distinct from old.last_login_at and learn_internal.is_off_time(new.last_login_at, new.last_login_at))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'last_login_at');

-- By itself, because the engine writes it and a long WHEN is read in every statement. Of what triggers write, facts say when.
create or replace trigger refuse_new_sight
  before update of last_active_at on learn.users
  for each row when (pg_trigger_depth() = 0 and new.last_active_at is distinct from old.last_active_at
    and learn_internal.is_off_time(new.last_active_at, new.last_active_at))
  execute function learn_internal.refuse_times('last_active_at');

-- functions/identity/lock_users.sql

-- Locks learners, in key order, until the transaction ends: for transactions that do something for several of
-- them. Calls and statements that follow find the locks taken and wait for nobody, in whatever order they come.
-- Returns how many of the users there are.
-- Errors: LX001 no list, or more than 100,000 users.
create or replace function learn.lock_users(p_user_ids uuid[])
returns integer
language plpgsql
volatile
security definer                  -- locks what the caller may not write
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_users integer;
begin
  perform learn_internal.require_size('p_user_ids', cardinality(p_user_ids), 100000, 'elements');
  if p_user_ids is null then
    raise exception 'the list of users is missing'
      using errcode = 'LX001', detail = 'p_user_ids is null', hint = 'Pass the ids of the users.';
  end if;
  perform learn_internal.hold_content();
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  get diagnostics v_users = row_count;
  return v_users;
end;
$$;
comment on function learn.lock_users(uuid[]) is
  'Locks learners until the transaction ends, for transactions that do something for several of them; '
  'returns how many there are.';
grant execute on function learn.lock_users(uuid[]) to learn_app;

-- triggers/identity/hold_learners.sql

-- Before rows are written that belong to learners, or that say who they are: content is held, before PostgreSQL
-- locks the users that they refer to. So who deletes users waits for who is writing, and the other way round.
-- Tables of which more is to say have such a trigger (…_hold) among their own.
create or replace trigger hold_learners
  before insert on learn.activity_log
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.course_ratings
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.discussion_votes
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.drawn_quizzes
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.hint_usage
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before delete on learn.idempotency_keys
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.learning_sessions
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.notifications
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.user_answers
  for each statement execute function learn_internal.hold_content_first();

create or replace trigger hold_learners
  before insert or update on learn.users
  for each statement execute function learn_internal.hold_content_first();

-- triggers/identity/stop_learners.sql

-- Before users or rows of users are deleted: nobody else writes for learners until this commits. PostgreSQL
-- locks what it deletes row by row, as the rows lie, and the user before all that goes with them; calls lock
-- in the order of docs/engine.md#locks. So that neither ends as the victim of a deadlock, one waits for the
-- other here, before the first row is locked.
-- Old idempotency keys are deleted while learners go on: see hold_learners. A call that deletes, such as a vote that is taken back, has its locks already: it stops nobody.
-- Errors: 55P03 after 50 tries.
create or replace function learn_internal.stop_learners()
returns trigger
language plpgsql
volatile
security definer                  -- the lock is the owner's
set search_path = pg_catalog, pg_temp
as $$
begin
  -- what goes with a user, or inside a call
  if pg_trigger_depth() > 1 or tg_relid <> 'learn.users'::regclass and exists (
    select from pg_locks l
    where l.pid = pg_backend_pid() and l.granted
      and l.relation = 'learn_internal.content_lock'::regclass)
  then
    return null;
  end if;
  if tg_relid = 'learn.users'::regclass then
    perform from learn_internal.turns t where t.name = 'partitions' for share;  -- archive_before() locks what goes with them
  end if;
  perform learn_internal.wait_for_learners(format('table %s', tg_relid::regclass));
  return null;
end;
$$;
comment on function learn_internal.stop_learners() is
  'Statement trigger: nobody else writes for learners until the deletion commits.';

create or replace trigger stop_learners
  before delete on learn.users
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.assessment_results
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.course_ratings
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.daily_challenge_attempts
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.discussion_votes
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.discussions
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.faucet_requests
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.drawn_quizzes
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.hint_usage
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.imported_challenge_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.learning_sessions
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.level_attempts
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.nft_certificates
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.notifications
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.period_standings
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.query_submissions
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.quiz_attempts
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.replies
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.revoked_achievements
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.streak_freezes
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.transactions
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_achievements
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_activity_days
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_answers
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_avatars
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_challenge_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_course_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_credentials
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_difficulty_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_exercise_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_lesson_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_level_unlocks
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_metrics
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_path_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_skills
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_stats
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_track_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.avatars
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.daily_challenges
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.exam_types
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.questions
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.closed_periods
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_timezones
  for each statement execute function learn_internal.stop_learners();

-- views/identity/public_profiles.sql

-- What learners see of each other. XP of whoever stays off the boards is not shown here either.
create or replace view learn.public_profiles with (security_barrier) as
select u.id as user_id, u.username, u.display_name, u.avatar_url, u.avatar_emoji, u.bio, u.created_at,
  case when u.show_on_leaderboard then s.total_xp end as total_xp,
  case when u.show_on_leaderboard then s.current_level end as current_level
from learn.users u
join learn.user_stats s on s.user_id = u.id
where u.is_active;
comment on view learn.public_profiles is
  'What learners see of each other: active users with names, pictures and, unless they stay off the boards, XP and level.';
grant select on learn.public_profiles to learn_app, learn_user, learn_readonly;

-- triggers/identity/user_credentials.sql

-- What happens when rows of learn.user_credentials are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_credentials
  for each row
  when (learn_internal.is_off_time(new.updated_at, new.updated_at))
  execute function learn_internal.refuse_times('updated_at');

create or replace trigger refuse_new_times
  before update of updated_at on learn.user_credentials
  for each row
  when (new.updated_at is distinct from old.updated_at and learn_internal.is_off_time(new.updated_at, new.updated_at))
  execute function learn_internal.refuse_times('updated_at');

-- triggers/identity/user_stats.sql

-- What happens when rows of learn.user_stats are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_stats
  for each row
  when (learn_internal.is_off_date(
    greatest(new.last_activity_date, new.registered_on),
    least(new.last_activity_date, new.registered_on))
    or learn_internal.is_off_time(new.last_active_at, new.last_active_at))
  execute function learn_internal.refuse_times('last_activity_date', 'registered_on', 'last_active_at');

-- Likewise what is changed by hand. What triggers write follows from facts, of which that was asked. It is asked in a
-- function because the engine writes here in every call, and a long WHEN is read from text in every statement.
-- Errors: LX001.
create or replace function learn_internal.refuse_new_stats_times()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.last_activity_date is distinct from old.last_activity_date
      and learn_internal.is_off_date(new.last_activity_date, new.last_activity_date)
    or new.registered_on is distinct from old.registered_on
      and learn_internal.is_off_date(new.registered_on, new.registered_on)
  then
    raise exception 'a date is out of bounds'
      using errcode = 'LX001', detail = format('user_stats: last_activity_date = %s, registered_on = %s',
          new.last_activity_date, new.registered_on),
        hint = 'What has happened is dated by the learner''s clock, and not before 1970.';
  end if;
  if new.last_active_at is distinct from old.last_active_at then
    perform learn_internal.require_possible_time('last_active_at', new.last_active_at);
  end if;
  return new;
end;
$$;
comment on function learn_internal.refuse_new_stats_times() is
  'Row trigger: refuses statistics that are dated ahead of the clock or before 1970 by hand (LX001).';

create or replace trigger refuse_new_times
  before update of last_activity_date, registered_on, last_active_at on learn.user_stats
  for each row
  when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_new_stats_times();

-- triggers/identity/user_timezones.sql

-- What happens when rows of learn.user_timezones are written.

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.user_timezones
  for each row
  when (learn_internal.is_off_time(new.until, new.until))
  execute function learn_internal.refuse_times('until');

create or replace trigger refuse_new_times
  before update of until on learn.user_timezones
  for each row
  when (new.until is distinct from old.until and learn_internal.is_off_time(new.until, new.until))
  execute function learn_internal.refuse_times('until');

-- functions/identity/verify_email.sql

-- Notes that a user has proved an email to be theirs: the backend has seen the code that it had sent there.
-- Verifying again changes nothing.
-- Errors: LX001 it is not the user's email (any more); LX002; LX004 user inactive; LX013.
create or replace function learn.verify_email(
  p_user_id         uuid,
  p_email           text,
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
    'verify_email', p_user_id, jsonb_build_object('email', p_email), p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_email', length(p_email), 320);
  if not exists (
    select from learn.users u where u.id = p_user_id and lower(u.email) = lower(p_email))
  then
    raise exception 'this is not the email of the user'
      using errcode = 'LX001', detail = format('p_email = %L', p_email),
        hint = 'It may have been changed since: learn.users.email says what it is. Send another code there.';
  end if;
  update learn.users u set is_verified = true where u.id = p_user_id and not u.is_verified;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.verify_email(uuid, text, timestamptz, text) is
  'Notes that a user has proved the email to be theirs, as long as it is the one of the profile.';
grant execute on function learn.verify_email(uuid, text, timestamptz, text) to learn_app;

-- functions/identity/update_profile.sql

-- Changes what a user may say of themselves: a JSON object with the columns of learn.users to change, the
-- others stay. Texts may be null where the column may, locale to show_on_leaderboard not; preferences are
-- replaced as a whole. A new email is not verified. Wallets are linked by link_wallet(); null unlinks.
-- Errors: LX001 an unknown field, a value of another type, malformed, taken or too large; LX002;
-- LX004 user inactive; LX010 a field that is not the user's to say; LX013.
create or replace function learn.update_profile(
  p_user_id         uuid,
  p_profile         jsonb,
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
  v_call       learn_internal.call := learn_internal.begin_call(
    'update_profile', p_user_id, jsonb_build_object('profile', p_profile),
    p_occurred_at, p_idempotency_key);
  v_constraint text;
  v_message    text;
  v_problem    text;
  v_old        learn.users;
  v_new        learn.users;
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  perform learn_internal.require_size('p_profile', pg_column_size(p_profile), 131072, 'bytes');
  if jsonb_typeof(p_profile) is distinct from 'object' then
    raise exception 'a profile is a JSON object'
      using errcode = 'LX001',
        detail = format('p_profile is %s', coalesce(jsonb_typeof(p_profile), 'null')),
        hint = 'Such as {"bio": "I like joins.", "locale": "fil"}.';
  end if;
  select e.key into v_problem
  from jsonb_each(p_profile) e
  where e.key in ('id', 'zone_number', 'zone_since', 'role', 'is_active', 'is_verified', 'selected_avatar_id', 'last_login_at',
      'last_active_at', 'created_at', 'updated_at')
    or e.key = 'evm_address' and jsonb_typeof(e.value) <> 'null'
  order by e.key
  limit 1;
  if found then
    raise exception 'a user does not say this of themselves'
      using errcode = 'LX010', detail = v_problem,
        hint = 'An address is linked by learn.link_wallet(), verified by learn.verify_email(); an avatar is '
          'chosen by learn.select_avatar(); roles and states are the owner''s.';
  end if;
  select format('%s is %s', left(e.key, 50), case when k.field is null then 'no field of a profile'
      else jsonb_typeof(e.value) || ', not ' || k.type end)
  into v_problem
  from jsonb_each(p_profile) e
  left join (values
    ('username', 'string', false), ('email', 'string', true), ('display_name', 'string', true),
    ('avatar_url', 'string', true), ('avatar_emoji', 'string', true), ('bio', 'string', true),
    ('locale', 'string', false), ('timezone', 'string', false), ('day_starts_at', 'string', false),
    ('skill_level', 'string', false),
    ('evm_address', 'null', true), ('hedera_account_id', 'string', true),
    ('preferences', 'object', false), ('onboarding_completed', 'boolean', false),
    ('show_on_leaderboard', 'boolean', false)
  ) k(field, type, is_nullable) on k.field = e.key
  where k.field is null
    or jsonb_typeof(e.value) <> k.type and not (k.is_nullable and jsonb_typeof(e.value) = 'null')
  order by e.key
  limit 1;
  if found then
    raise exception 'the profile makes no sense'
      using errcode = 'LX001', detail = v_problem,
        hint = 'The fields are username, email, display_name, avatar_url, avatar_emoji, bio, locale, timezone, '
          'day_starts_at, skill_level, hedera_account_id, preferences, onboarding_completed, show_on_leaderboard.';
  end if;

  select u.* into v_old from learn.users u where u.id = p_user_id;
  begin
    v_new := jsonb_populate_record(v_old, p_profile || (
      select coalesce(jsonb_object_agg(e.key, case e.key
        when 'username' then normalize(e.value, nfc)
        when 'display_name' then learn_internal.trim_text(e.value)
        else learn_internal.tidy_text(e.value) end), '{}')
      from jsonb_each_text(p_profile) e
      where e.key in ('username', 'display_name', 'bio')));
    update learn.users u
    set username = v_new.username, email = v_new.email, display_name = v_new.display_name,
      avatar_url = v_new.avatar_url, avatar_emoji = v_new.avatar_emoji, bio = v_new.bio,
      locale = v_new.locale, timezone = v_new.timezone, day_starts_at = v_new.day_starts_at,
      skill_level = v_new.skill_level,
      evm_address = v_new.evm_address, hedera_account_id = v_new.hedera_account_id,
      preferences = v_new.preferences, onboarding_completed = v_new.onboarding_completed,
      show_on_leaderboard = v_new.show_on_leaderboard,
      is_verified = u.is_verified and lower(v_new.email) is not distinct from lower(u.email)
    where u.id = p_user_id and to_jsonb(v_new) is distinct from to_jsonb(v_old);
    v_call.today := null;  -- it may be another one now
  exception
    when unique_violation or check_violation or invalid_datetime_format or datetime_field_overflow then
      get stacked diagnostics v_constraint = constraint_name, v_message = message_text;
      raise exception 'the profile cannot be changed so'
        using errcode = 'LX001',
          detail = case v_constraint
            when 'users_username_is_unique' then 'username is taken'
            when 'users_username_has_no_twin' then 'username is taken, or one that looks the same'
            when 'users_email_is_unique' then 'email is taken'
            when 'users_email_has_no_twin' then 'email is taken'
            when 'users_hedera_account_id_is_unique' then 'hedera_account_id is taken'
            when '' then left(v_message, 500)
            else coalesce(
              'username ' || learn_internal.text_problem(p_profile ->> 'username', true),
              'email ' || learn_internal.text_problem(p_profile ->> 'email', true),
              'display_name ' || learn_internal.text_problem(learn_internal.trim_text(p_profile ->> 'display_name'), true),
              'avatar_url ' || learn_internal.text_problem(p_profile ->> 'avatar_url', true),
              'avatar_emoji ' || learn_internal.text_problem(p_profile ->> 'avatar_emoji', true),
              replace(v_constraint, '_', ' ') || ' does not hold')
          end,
          hint = 'Names, emails and accounts are unique without regard to case; what each field may be, '
            'the domains of the columns of learn.users say.';
  end;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.update_profile(uuid, jsonb, timestamptz, text) is
  'Changes the fields of a user''s profile that the object has: {"bio": "…", "timezone": "Asia/Manila", '
  '"onboarding_completed": true}. A new email is not verified; {"evm_address": null} unlinks the wallet.';
grant execute on function learn.update_profile(uuid, jsonb, timestamptz, text) to learn_app, learn_user;

-- functions/identity/link_wallet.sql

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

-- functions/identity/record_login.sql

-- Notes that a user has logged in. No learning act: it makes no day active.
-- Errors: LX001 time out of bounds; LX002; LX004 user inactive; LX013.
create or replace function learn.record_login(
  p_user_id         uuid,
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
    'record_login', p_user_id, '{}', p_occurred_at, p_idempotency_key);
begin
  if (v_call.replay).replayed then
    return v_call.replay;
  end if;
  update learn.users u
  set last_login_at = greatest(u.last_login_at, v_call.occurred_at),
    last_active_at = greatest(u.last_active_at, v_call.occurred_at)
  where u.id = p_user_id;
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.record_login(uuid, timestamptz, text) is
  'Notes that a user has logged in: learn.users.last_login_at. It makes no day active.';
grant execute on function learn.record_login(uuid, timestamptz, text) to learn_app;

-- functions/identity/erase_user.sql

-- Erases a user: every row that is theirs, at once. Posts stay without a name, or go too. Nobody else writes for
-- learners until this commits, so do nothing else in the transaction.
-- Errors: LX001 p_posts is neither keep nor delete; LX002; 55P03 learners were too busy: call it again.
create or replace function learn.erase_user(p_user_id uuid, p_posts text default 'keep')
returns void
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_size('p_posts', length(p_posts), 100);
  if p_posts is null or p_posts not in ('keep', 'delete') then
    raise exception 'posts are kept or deleted'
      using errcode = 'LX001', detail = format('p_posts = %L', p_posts),
        hint = 'Pass keep, so that posts stay without a name, or delete.';
  end if;
  perform learn_internal.require_user(p_user_id);
  perform from learn_internal.turns t where t.name = 'partitions' for share;  -- nobody archives meanwhile
  if p_posts = 'delete' then
    delete from learn.discussions d where d.author_id = p_user_id;
    delete from learn.replies r where r.author_id = p_user_id;
  end if;
  delete from learn.users u where u.id = p_user_id;
  perform learn_internal.audit('erase_user', 'user', p_user_id, jsonb_build_object('posts', p_posts));
end;
$$;
comment on function learn.erase_user(uuid, text) is
  'Erases a user and every row that is theirs. Posts stay without a name (keep), or go, replies to them included (delete).';
grant execute on function learn.erase_user(uuid, text) to learn_app;

-- functions/identity/export_user.sql

-- Everything about one user as JSON: the rows of every table that has a user_id (author_id, about_user), and of
-- learn.users.
-- Tables are found in the catalog, so that none is forgotten; what is archived is among the rows where it comes from.
-- The password hash stays where it is.
-- Errors: LX002; LX010 a learner's own session asks for somebody else.
create or replace function learn.export_user(p_user_id uuid)
returns jsonb
language plpgsql
stable
security definer                  -- also what no app role reads is the user's
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_table  record;
  v_rows   jsonb;
  v_export jsonb := jsonb_build_object('format', 'laurel-user', 'version', 1, 'exported_at', learn.clock(),
    'user_id', p_user_id, 'learn', '{}'::jsonb, 'learn_internal', '{}'::jsonb);
begin
  perform learn_internal.require_self(p_user_id);
  perform learn_internal.require_user(p_user_id);
  for v_table in
    select n.nspname as of_schema, c.relname as name, a.attname as key, case c.oid::regclass
        when 'learn.activity_log'::regclass then 'learn_internal.all_facts'::regclass
        when 'learn.xp_transactions'::regclass then 'learn_internal.all_payments'::regclass
        else c.oid::regclass end as source,
      array(select g.attname::text from pg_attribute g where g.attrelid = c.oid and g.attgenerated <> '') as generated
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p') and not c.relispartition
    join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('learn', 'learn_internal')
    where (a.attname in ('user_id', 'author_id', 'about_user') or a.attname = 'id' and c.oid = 'learn.users'::regclass)
      and not a.attisdropped and c.oid not in ('learn.user_credentials'::regclass,
        'learn_internal.archived_facts'::regclass, 'learn_internal.archived_payments'::regclass)
  loop
    execute format('select coalesce(jsonb_agg(to_jsonb(t) - $2 order by t), ''[]'') from %s t where t.%I = $1',
      v_table.source, v_table.key)
    into v_rows using p_user_id, v_table.generated;
    v_export := jsonb_set(v_export, array[v_table.of_schema, v_table.name], v_rows);
  end loop;
  return v_export;
end;
$$;
comment on function learn.export_user(uuid) is
  'Everything about one user: {"learn": {table: [row, …]}, "learn_internal": {…}}, rows as their columns are, all but '
  'the password hash.';
grant execute on function learn.export_user(uuid) to learn_app, learn_user, learn_readonly;

-- functions/identity/note_seen.sql

-- Notes when users learned last, parallel arrays: users.last_active_at, and in user_stats, where the engine looks
-- anyway, so that it writes this once in five minutes at most. Its caller has locked the users.
create or replace function learn_internal.note_seen(p_user_ids uuid[], p_at timestamptz[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_users uuid[];                    -- in a row, of one moment
begin
  if cardinality(p_user_ids) > 1 then
    select array_agg(s.user_id order by s.at, s.user_id), array_agg(s.at order by s.at, s.user_id)
    into p_user_ids, p_at
    from unnest(p_user_ids, p_at) s(user_id, at);
  end if;
  for v_i in 1 .. cardinality(p_user_ids) loop
    v_users := v_users || p_user_ids[v_i];
    continue when p_at[v_i] = p_at[v_i + 1];
    update learn.user_stats k set last_active_at = p_at[v_i]
    where k.user_id = any (v_users) and (k.last_active_at is null or k.last_active_at < p_at[v_i]);
    update learn.users u set last_active_at = p_at[v_i]
    where u.id = any (v_users) and (u.last_active_at is null or u.last_active_at < p_at[v_i]);
    v_users := null;
  end loop;
end;
$$;
comment on function learn_internal.note_seen(uuid[], timestamptz[]) is
  'Notes when users learned last, in users and in user_stats.';

-- triggers/identity/keep_keys.sql

-- When a learner's row is changed: whose it is, and what it is about, stays. Nothing would follow a row that moves:
-- neither what it has paid nor what was counted. Keys that follow the renaming of something are left to it.
-- After the change and not before it: a row trigger before updates would lock every row once more.
-- Errors: LX010.
create or replace function learn_internal.keep_keys()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if learn_internal.is_merging() then
    return new;
  end if;
  raise exception 'a row of % stays whose it is and what it is about', tg_table_name
    using errcode = 'LX010',
      detail = (
        select string_agg(
          format('%s = %L, not %L', a.attname, to_jsonb(old) ->> a.attname, to_jsonb(new) ->> a.attname),
          '; ' order by a.attnum)
        from pg_trigger t
        join pg_attribute a on a.attrelid = tg_relid and a.attnum = any (t.tgattr)
        where t.tgrelid = tg_relid and t.tgname = tg_name
          and to_jsonb(old) -> a.attname is distinct from to_jsonb(new) -> a.attname),
      hint = 'Write a row of its own for the other learner or the other thing.';
end;
$$;
comment on function learn_internal.keep_keys() is
  'Row trigger: whose a row is, and what it is about, stays (LX010).';

create or replace trigger keep_keys after update of id on learn.users
  for each row when (old.id is distinct from new.id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.user_credentials
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.user_stats
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, key on learn.idempotency_keys
  for each row when ((old.user_id, old.key) is distinct from (new.user_id, new.key))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, year on learn_internal.archived_facts
  for each row when ((old.user_id, old.year) is distinct from (new.user_id, new.year))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, year on learn_internal.archived_payments
  for each row when ((old.user_id, old.year) is distinct from (new.user_id, new.year))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, activity_type, subject_type, subject_id on learn_internal.recorded_subjects
  for each row when ((old.user_id, old.activity_type, old.subject_type, old.subject_id) is distinct from (new.user_id, new.activity_type, new.subject_type, new.subject_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, metric, scope on learn.user_metrics
  for each row when ((old.user_id, old.metric, old.scope) is distinct from (new.user_id, new.metric, new.scope))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, metric, scope, activity_date on learn_internal.user_metric_days
  for each row when ((old.user_id, old.metric, old.scope, old.activity_date)
    is distinct from (new.user_id, new.metric, new.scope, new.activity_date))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, activity_date on learn.user_activity_days
  for each row when ((old.user_id, old.activity_date) is distinct from (new.user_id, new.activity_date))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.streak_freezes
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, course_id on learn.course_ratings
  for each row when ((old.user_id, old.course_id) is distinct from (new.user_id, new.course_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, lesson_id on learn.user_lesson_progress
  for each row when ((old.user_id, old.lesson_id) is distinct from (new.user_id, new.lesson_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, track_id on learn.user_track_progress
  for each row when ((old.user_id, old.track_id) is distinct from (new.user_id, new.track_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, path_id on learn.user_path_progress
  for each row when ((old.user_id, old.path_id) is distinct from (new.user_id, new.path_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.user_difficulty_progress
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, course_id on learn.user_course_progress
  for each row when ((old.user_id, old.course_id) is distinct from (new.user_id, new.course_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, course_level_id on learn.user_level_unlocks
  for each row when ((old.user_id, old.course_level_id) is distinct from (new.user_id, new.course_level_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, exercise_id on learn.query_submissions
  for each row when ((old.user_id, old.exercise_id) is distinct from (new.user_id, new.exercise_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, exercise_id on learn.user_exercise_progress
  for each row when ((old.user_id, old.exercise_id) is distinct from (new.user_id, new.exercise_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, achievement_id on learn.user_achievements
  for each row when ((old.user_id, old.achievement_id) is distinct from (new.user_id, new.achievement_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, achievement_id on learn.revoked_achievements
  for each row when ((old.user_id, old.achievement_id) is distinct from (new.user_id, new.achievement_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, avatar_id on learn.user_avatars
  for each row when ((old.user_id, old.avatar_id) is distinct from (new.user_id, new.avatar_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.quiz_attempts
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, quiz_attempt_id, position on learn.user_answers
  for each row when ((old.user_id, old.quiz_attempt_id, old.position) is distinct from (new.user_id, new.quiz_attempt_id, new.position))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, challenge_id on learn.user_challenge_progress
  for each row when ((old.user_id, old.challenge_id) is distinct from (new.user_id, new.challenge_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, challenge_id, level_number on learn.level_attempts
  for each row when ((old.user_id, old.challenge_id, old.level_number) is distinct from (new.user_id, new.challenge_id, new.level_number))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, challenge_id, level_number, hint_number on learn.hint_usage
  for each row when ((old.user_id, old.challenge_id, old.level_number, old.hint_number) is distinct from (new.user_id, new.challenge_id, new.level_number, new.hint_number))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, daily_challenge_id on learn.daily_challenge_attempts
  for each row when ((old.user_id, old.daily_challenge_id) is distinct from (new.user_id, new.daily_challenge_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, challenge_id on learn.imported_challenge_progress
  for each row when ((old.user_id, old.challenge_id) is distinct from (new.user_id, new.challenge_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, skill_id on learn.user_skills
  for each row when ((old.user_id, old.skill_id) is distinct from (new.user_id, new.skill_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.assessment_results
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.learning_sessions
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.period_standings
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of author_id on learn.discussions
  for each row when (new.author_id <> old.author_id or old.author_id is null and new.author_id is not null)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of author_id on learn.replies
  for each row when (new.author_id <> old.author_id or old.author_id is null and new.author_id is not null)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, discussion_id, reply_id on learn.discussion_votes
  for each row when ((old.user_id, old.discussion_id, old.reply_id) is distinct from (new.user_id, new.discussion_id, new.reply_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.transactions
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.nft_certificates
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.faucet_requests
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.notifications
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, role_name on learn_internal.learner_roles
  for each row when ((old.user_id, old.role_name) is distinct from (new.user_id, new.role_name))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.drawn_quizzes
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn_internal.paid_questions
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, fact_id on learn_internal.withdrawn_facts
  for each row when ((old.user_id, old.fact_id) is distinct from (new.user_id, new.fact_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, kind on learn_internal.recent_calls
  for each row when ((old.user_id, old.kind) is distinct from (new.user_id, new.kind))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, number on learn.user_timezones
  for each row when ((old.user_id, old.number) is distinct from (new.user_id, new.number))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, zone_number, local_date on learn_internal.local_days
  for each row when ((old.user_id, old.zone_number, old.local_date)
    is distinct from (new.user_id, new.zone_number, new.local_date))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, metric, scope on learn_internal.user_runs
  for each row when ((old.user_id, old.metric, old.scope) is distinct from (new.user_id, new.metric, new.scope))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn_internal.recorded_payments
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

-- functions/identity/combine_rows.sql

-- Before the rows of one account move to another: where both have a row for the same thing, the one that stays gets the
-- better of the two, the sum, or the later word. What is left over of the other goes with its account. The caller has
-- locked both, and nobody else writes for learners.
create or replace function learn_internal.combine_rows(p_from uuid, p_into uuid)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_from learn_internal.paid_questions;
  v_into learn_internal.paid_questions;
begin
  -- Lessons. A completion moves with its fact, and takes the place of a lesson that was only begun.
  update learn.user_lesson_progress f
  set started_at = coalesce(f.started_at, i.started_at), score = greatest(f.score, i.score),
    time_spent_seconds = coalesce(
      case when f.time_spent_seconds < 2147483647 - i.time_spent_seconds
        then f.time_spent_seconds + i.time_spent_seconds end, f.time_spent_seconds, i.time_spent_seconds)
  from learn.user_lesson_progress i
  where f.user_id = p_from and i.user_id = p_into and i.lesson_id = f.lesson_id
    and i.completed_at is null and f.completed_at is not null;
  delete from learn.user_lesson_progress i
  using learn.user_lesson_progress f
  where f.user_id = p_from and i.user_id = p_into and i.lesson_id = f.lesson_id
    and i.completed_at is null and f.completed_at is not null;
  update learn.user_lesson_progress i
  set started_at = coalesce(i.started_at, f.started_at), score = greatest(i.score, f.score),
    time_spent_seconds = coalesce(
      case when i.time_spent_seconds < 2147483647 - f.time_spent_seconds
        then i.time_spent_seconds + f.time_spent_seconds end, i.time_spent_seconds, f.time_spent_seconds)
  from learn.user_lesson_progress f
  where f.user_id = p_from and i.user_id = p_into and i.lesson_id = f.lesson_id;

  update learn.user_course_progress i
  set preferred_difficulty = coalesce(i.preferred_difficulty, f.preferred_difficulty),
    last_activity_at = greatest(i.last_activity_at, f.last_activity_at)
  from learn.user_course_progress f
  where f.user_id = p_from and i.user_id = p_into and i.course_id = f.course_id;
  update learn.course_ratings i
  set rating = f.rating, review = f.review, updated_at = f.updated_at
  from learn.course_ratings f
  where f.user_id = p_from and i.user_id = p_into and i.course_id = f.course_id and f.updated_at > i.updated_at;

  -- Challenges. Of imported progress the larger one counts, as if it had grown.
  update learn.daily_challenge_attempts i
  set score = f.score, passed = f.passed,
    xp_earned = case when f.passed > i.passed then f.xp_earned else i.xp_earned end,
    completed_at = case when f.passed > i.passed then f.completed_at else i.completed_at end
  from learn.daily_challenge_attempts f
  where f.user_id = p_from and i.user_id = p_into and i.daily_challenge_id = f.daily_challenge_id
    and (f.passed > i.passed or f.passed = i.passed and f.score > i.score);
  update learn.imported_challenge_progress i
  set completed_levels = array(select distinct l from unnest(i.completed_levels || f.completed_levels) l order by l),
    total_xp = greatest(i.total_xp, f.total_xp)
  from learn.imported_challenge_progress f
  where f.user_id = p_from and i.user_id = p_into and i.challenge_id = f.challenge_id
    and (not f.completed_levels <@ i.completed_levels or f.total_xp > i.total_xp);

  -- Points add up, as far as the skill takes them.
  update learn.user_skills i
  set points_allocated = least(k.max_level::bigint * k.xp_per_level, i.points_allocated::bigint + f.points_allocated),
    highest_level = greatest(i.highest_level, f.highest_level), unlocked_at = least(i.unlocked_at, f.unlocked_at),
    allocated_at = greatest(i.allocated_at, f.allocated_at), mastered_at = coalesce(i.mastered_at, f.mastered_at)
  from learn.user_skills f
  join learn.skills k on k.id = f.skill_id
  where f.user_id = p_from and i.user_id = p_into and i.skill_id = f.skill_id;

  -- Nobody votes for a post of their own; of two votes for a post the later one counts.
  delete from learn.discussion_votes v
  where v.user_id in (p_from, p_into) and coalesce(
    (select d.author_id from learn.discussions d where d.id = v.discussion_id),
    (select r.author_id from learn.replies r where r.id = v.reply_id)) in (p_from, p_into);
  update learn.discussion_votes i
  set vote_type = f.vote_type, created_at = f.created_at
  from learn.discussion_votes f
  where f.user_id = p_from and i.user_id = p_into and f.created_at > i.created_at
    and (f.discussion_id = i.discussion_id or f.reply_id = i.reply_id);

  -- What the one that stays has had of an achievement, or lost, is how it stands.
  delete from learn.user_avatars v
  using learn.achievements a
  where v.user_id = p_from and a.unlocks_avatar_id = v.avatar_id
    and exists (
      select from learn.revoked_achievements r where r.user_id = p_into and r.achievement_id = a.id)
    and not exists (
      select from learn.user_achievements o
      join learn.achievements b on b.id = o.achievement_id and b.unlocks_avatar_id = v.avatar_id and b.id <> a.id
      where o.user_id in (p_from, p_into));
  delete from learn.user_achievements f
  where f.user_id = p_from and exists (
    select from learn.revoked_achievements r where r.user_id = p_into and r.achievement_id = f.achievement_id);
  delete from learn.revoked_achievements f
  where f.user_id = p_from and exists (
    select from learn.user_achievements i where i.user_id = p_into and i.achievement_id = f.achievement_id);
  -- A course has one certificate; another stays valid without it, because its code has been given away. A token that is
  -- minted stays with the achievement.
  update learn.nft_certificates f set course_id = null
  where f.user_id = p_from and exists (
    select from learn.nft_certificates i where i.user_id = p_into and i.course_id = f.course_id);
  update learn.faucet_requests f
  set limited_until = n.requested_at
  from (
    select r.user_id, r.id, min(o.requested_at) as requested_at
    from learn.faucet_requests r
    join learn.faucet_requests o on o.user_id = case r.user_id when p_from then p_into else p_from end
      and (o.requested_at, o.id) > (r.requested_at, r.id) and o.requested_at < r.limited_until and o.status <> 'failed'
    where r.user_id in (p_from, p_into) and r.status <> 'failed'
    group by r.user_id, r.id
  ) n
  where f.user_id = n.user_id and f.id = n.id;

  -- What was done today and lately, for what is limited.
  update learn_internal.recorded_payments i
  set facts = case when learn_internal.is_over(p_into, i.opened_at) then 0 else i.facts end
      + case when learn_internal.is_over(p_from, f.opened_at) then 0 else f.facts end,
    opened_at = greatest(i.opened_at, f.opened_at)
  from learn_internal.recorded_payments f
  where f.user_id = p_from and i.user_id = p_into and i.activity_type = f.activity_type;
  update learn_internal.recent_calls i
  set called_at = array(select a from unnest(i.called_at || f.called_at) a order by a)
  from learn_internal.recent_calls f
  where f.user_id = p_from and i.user_id = p_into and i.kind = f.kind;
  v_from := learn_internal.open_paid_day(p_from);
  v_into := learn_internal.open_paid_day(p_into);
  if v_from.perfect > 0 or v_from.unnamed <> '{}' or v_from.question_ids <> '{}' then
    insert into learn_internal.paid_questions
      (user_id, opened_at, question_ids, unnamed, perfect)
    values (p_into, v_into.opened_at,
      array(select distinct q from unnest(v_from.question_ids || v_into.question_ids) q),
      coalesce((
        select jsonb_object_agg(u.exam, u.answers)
        from (
          select e.key as exam, sum(e.value::integer) as answers
          from (select * from jsonb_each_text(v_from.unnamed) union all select * from jsonb_each_text(v_into.unnamed)) e
          group by e.key
        ) u), '{}'),
      v_from.perfect + v_into.perfect)
    on conflict (user_id) do update
      set opened_at = excluded.opened_at,
        question_ids = excluded.question_ids, unnamed = excluded.unnamed, perfect = excluded.perfect;
  end if;
  -- Which days they cover follows from the days of both; a retry is answered by who is there.
  update learn.streak_freezes f set used_on = null where f.user_id = p_from and f.used_on is not null;
  update learn.idempotency_keys k set response = jsonb_set(k.response, '{user_id}', to_jsonb(p_into))
  where k.user_id = p_from and k.response is not null;
end;
$$;
comment on function learn_internal.combine_rows(uuid, uuid) is
  'Where two accounts have a row for the same thing: the one that stays gets the better, the sum or the later word.';

-- functions/identity/fact_identity.sql

-- What a fact is about that happens to a learner once; null where it may happen again. Of achievements: being earned
-- and revoked are one history.
create or replace function learn_internal.fact_identity(
  p_type text, p_subject_type text, p_subject_id text, p_properties jsonb, p_happens_once boolean
)
returns text[]
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when p_type in ('achievement_earned', 'achievement_revoked')
      then array['achievement', p_properties ->> 'achievement_id']
    when p_type = 'user_registered' then array[p_type]
    when p_type in ('xp_awarded', 'period_rewarded') and p_properties ->> 'source_id' is not null
      then array[p_type, p_properties ->> 'source_type', p_properties ->> 'source_id']
    when p_type = 'solution_accepted' then array[p_type, p_properties ->> 'discussion_id']
    when p_type = 'streak_freeze_used' or p_happens_once and p_subject_id is not null
      then array[p_type, p_subject_type, p_subject_id]
  end;
$$;
comment on function learn_internal.fact_identity(text, text, text, jsonb, boolean) is
  'What a fact is about that happens to a learner once; null where it may happen again.';

-- functions/identity/wait_for_learners.sql

-- Waits until nobody writes for learners, and has those who come wait until this transaction ends. It tries for short
-- whiles, letting go in between, so that learners never queue behind it for long.
-- Errors: 55P03 after 50 tries.
create or replace function learn_internal.wait_for_learners(p_for text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
as $$
begin
  for v_try in 1 .. 50 loop
    begin
      lock table learn_internal.content_lock in exclusive mode;
      return;
    exception
      when lock_not_available then
        if v_try = 50 then
          raise exception 'learners are busy: there was no moment without them'
            using errcode = sqlstate, detail = p_for,
              hint = 'Nothing was changed. Try again when no long transaction is under way: '
                'select * from pg_stat_activity order by xact_start.';
        end if;
    end;
    perform pg_sleep(0.01 * v_try);
  end loop;
end;
$$;
comment on function learn_internal.wait_for_learners(text) is
  'Waits until nobody writes for learners, and has those who come wait until the transaction ends (55P03).';

-- functions/identity/move_facts.sql

-- Moves the facts of one account to another, and what they have paid: each once. What both have done counts, and has
-- paid, as it did for the one that stays; for the other it becomes a repetition, which makes its day active and pays
-- nothing, or stays behind and goes with the account, as does what takes such a payment back. The caller has locked
-- both, and nobody else writes for learners. Returns the payments that are left out.
create or replace function learn_internal.move_facts(p_from uuid, p_into uuid)
returns bigint[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lost     bigint[];              -- facts of the one that stays, which the other's are better than
  v_out      bigint[];              -- facts that happened to both
  v_unpaid   bigint[];              -- right answers that have paid the one that stays on the same day
  v_payments bigint[];              -- what these have paid
  v_again    bigint[];              -- what takes such payments back
  v_has_moved boolean := (select u.zone_number > 0 from learn.users u where u.id = p_into);
begin
  -- The better rank of a period stays, and what it has paid. Nobody accepts their own solution for XP.
  v_lost := array(
    select l.id
    from learn.activity_log l
    where l.user_id = p_into and (
      l.activity_type = 'period_rewarded' and l.properties ->> 'source_id' in (
        select format('%s %s %s', f.metric, f.period, to_char(f.starts_on, 'YYYY-MM-DD'))
        from learn.period_standings f
        join learn.period_standings i on i.user_id = p_into
          and (i.metric, i.period, i.starts_on) = (f.metric, f.period, f.starts_on)
        where f.user_id = p_from and f.rank < i.rank and f.xp_paid > 0)
      or l.activity_type = 'solution_accepted' and l.properties ->> 'discussion_id' in (
        select d.id::text from learn.discussions d where d.author_id = p_from)));
  update learn.period_standings i
  set value = f.value, rank = f.rank, xp_paid = greatest(f.xp_paid, i.xp_paid)
  from learn.period_standings f
  where f.user_id = p_from and i.user_id = p_into
    and (i.metric, i.period, i.starts_on) = (f.metric, f.period, f.starts_on) and f.rank < i.rank;

  v_out := array(
    with facts as materialized (
      select l.user_id, l.id, l.activity_type, l.properties, learn_internal.fact_identity(
        l.activity_type, l.subject_type, l.subject_id, l.properties, t.happens_once) as identity
      from learn.activity_log l
      join learn.activity_types t on t.key = l.activity_type
      where l.user_id in (p_from, p_into)
    )
    select f.id
    from facts f
    where f.user_id = p_from and (f.identity in (
        select i.identity from facts i
        where i.user_id = p_into and i.identity is not null and i.id <> all (v_lost))
      or f.activity_type = 'user_registered'
      or f.activity_type = 'solution_accepted' and f.properties ->> 'discussion_id' in (
        select d.id::text from learn.discussions d where d.author_id = p_into)));
  v_unpaid := array(
    with answers as materialized (
      select l.user_id, l.id, l.local_date, l.properties -> 'question_id' as question_id
      from learn.activity_log l
      where l.user_id in (p_from, p_into) and l.activity_type = 'question_answered_correctly'
        and l.subject_type = 'quiz' and l.xp is distinct from 0 and jsonb_typeof(l.properties -> 'question_id') = 'number'
        and not exists (
          select from learn_internal.withdrawn_facts w
          where w.user_id = l.user_id and w.fact_id = l.id and w.is_taken_back)
    )
    select a.id from answers a
    where a.user_id = p_from and (a.question_id, a.local_date) in (
      select i.question_id, i.local_date from answers i where i.user_id = p_into));

  -- Payments have the moment of their fact. Several answers of a quiz are paid alike: so many of them.
  v_payments := array(
    with facts as materialized (
      select l.user_id, l.activity_type, l.recorded_at,
        case when l.activity_type in ('xp_awarded', 'period_rewarded') then l.properties ->> 'source_id'
          else l.subject_id end as source_id, count(*) as facts
      from learn.activity_log l
      where l.user_id in (p_from, p_into) and l.id = any (v_out || v_unpaid || v_lost)
      group by 1, 2, 3, 4
    )
    select t.id
    from (
      select x.id, f.facts, row_number() over (
        partition by x.user_id, x.activity_type, x.source_id, x.created_at order by x.id desc) as place
      from learn.xp_transactions x
      join facts f on f.user_id = x.user_id and f.activity_type = x.activity_type and f.recorded_at = x.created_at
        and f.source_id is not distinct from x.source_id
      where x.user_id in (p_from, p_into)
    ) t
    where t.place <= t.facts);
  v_again := array(
    select l.id from learn.activity_log l
    where l.user_id in (p_from, p_into) and l.activity_type in ('xp_reversed', 'period_reward_reversed')
      and l.subject_id = any (v_payments::text[]));
  v_payments := v_payments || array(
    select x.id from learn.xp_transactions x
    where x.user_id in (p_from, p_into) and x.activity_type in ('xp_reversed', 'period_reward_reversed')
      and x.source_id = any (v_payments::text[]));
  v_lost := v_lost || array(select l.id from learn.activity_log l where l.user_id = p_into and l.id = any (v_again));
  v_out := v_out || v_again;

  -- What attempts and quizzes note as paid is what is left of it.
  update learn.level_attempts a set xp_earned = 0
  where a.user_id = p_from and a.xp_earned > 0 and a.challenge_id || ':' || a.level_number in (
    select l.subject_id from learn.activity_log l
    where l.user_id = p_from and l.activity_type = 'challenge_level_passed' and l.id = any (v_out));
  update learn.quiz_attempts a set xp_earned = greatest(0, a.xp_earned - p.xp)
  from (
    select x.source_id, sum(x.amount) as xp
    from learn.xp_transactions x
    where x.user_id = p_from and x.id = any (v_payments) and x.activity_type = 'question_answered_correctly'
    group by x.source_id
  ) p
  where a.user_id = p_from and a.id::text = p.source_id;
  delete from learn.notifications n where n.user_id = p_from and n.fact_id = any (v_out);

  -- To the account that goes, and to the one that stays: as local dates of then, in the zones of the one that stays.
  update learn.activity_log l set user_id = p_from where l.user_id = p_into and l.id = any (v_lost);
  update learn.xp_transactions x set user_id = p_from where x.user_id = p_into and x.id = any (v_payments);
  update learn.activity_log l
  set user_id = p_into,
    zone_number = case when v_has_moved then (learn_internal.local_date(p_into, l.occurred_at)).zone_number else 0 end,
    activity_type = case when l.id <> all (v_out) then l.activity_type
      when l.activity_type = 'lesson_completed' then 'lesson_repeated' else 'done_before' end,
    properties = case when l.id <> all (v_out) then l.properties else '{}' end,
    xp = case when l.id <> all (v_out || v_unpaid) then l.xp else 0 end
  where l.user_id = p_from and (l.id <> all (v_out) or l.is_qualifying) and l.id <> all (v_lost);
  update learn.xp_transactions x set user_id = p_into where x.user_id = p_from and x.id <> all (v_payments);
  return v_payments;
end;
$$;
comment on function learn_internal.move_facts(uuid, uuid) is
  'Moves the facts of one account to another, and what they have paid, each once; returns the payments that are left out.';

-- functions/identity/rebuilt_tables.sql

-- The tables of learners whose rows do not move when two accounts become one, because they follow from others and are
-- made anew: every other one with a user_id (author_id) moves.
create or replace function learn_internal.rebuilt_tables()
returns regclass[]
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select '{learn.user_stats,learn.user_metrics,learn.user_activity_days,learn.user_timezones,learn_internal.user_runs,
    learn_internal.user_metric_days,learn_internal.local_days,learn_internal.board_gains,
    learn_internal.board_scores}'::regclass[];
$$;
comment on function learn_internal.rebuilt_tables() is
  'The tables of learners whose rows follow from others: merge_users() makes them anew, and moves all others.';

-- functions/identity/move_rows.sql

-- Moves the rows of one account to another, of every table that the catalog has, in one statement: so foreign keys
-- between them hold before and after. A row whose place is taken (by any unique index) stays, and goes with the
-- account: combine_rows() has made the best of both. Returns how many have moved, by table.
create or replace function learn_internal.move_rows(p_from uuid, p_into uuid)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_updates text;
  v_counts  text;
  v_moved   jsonb;
begin
  select string_agg(format('m%s as (update %s m set %I = $2 where m.%I = $1%s returning 1)',
      t.number, t.oid::regclass, t.key, t.key, t.taken), ', ' order by t.number),
    string_agg(format('select %L, count(*) from m%s', t.name, t.number), ' union all ' order by t.number)
  into v_updates, v_counts
  from (
    select c.oid, c.relname as name, a.attname as key, row_number() over (order by c.relnamespace, c.relname) as number,
      coalesce((
        select string_agg(format(' and not (%s and exists (select from %s o where o.%I = $2%s and %s))',
          p.predicate, c.oid::regclass, a.attname, k.columns, p.predicate), '')
        from pg_index i
        cross join lateral (
          select coalesce(string_agg(format(
              case when i.indnullsnotdistinct then ' and o.%I is not distinct from m.%I' else ' and o.%I = m.%I' end,
              o.attname, o.attname), ''), '') as columns,
            bool_or(o.attidentity <> '') as has_identity
          from pg_attribute o
          where o.attrelid = c.oid and o.attnum = any (i.indkey) and o.attnum <> a.attnum
        ) k
        cross join lateral (select coalesce(pg_get_expr(i.indpred, i.indrelid), 'true') as predicate) p
        where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey) and i.indexprs is null
          and k.has_identity is not true), '') as taken
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p') and not c.relispartition
    where c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace)
      and a.attname in ('user_id', 'author_id') and not a.attisdropped
      and c.oid <> all (learn_internal.rebuilt_tables()::oid[])
      and c.oid not in ('learn.activity_log'::regclass, 'learn.xp_transactions'::regclass)  -- move_facts()
  ) t;
  execute format('with %s select coalesce(jsonb_object_agg(c.name, c.rows) filter (where c.rows > 0), ''{}'')'
    ' from (%s) c(name, rows)', v_updates, v_counts)
  into v_moved using p_from, p_into;
  return v_moved;
end;
$$;
comment on function learn_internal.move_rows(uuid, uuid) is
  'Moves the rows of one account to another, of every table that is not rebuilt and whose place is not taken; how many, by table.';

-- functions/identity/replay_user.sql

-- After facts of another account have come to a learner, whatever their dates: all that follows from facts is made
-- anew, and what is complete or deserved only now, by both together, is completed, paid and earned by the engine.
-- p_from_date: the first date that may count otherwise; null: none does. The caller has locked the learner.
create or replace function learn_internal.replay_user(p_user_id uuid, p_from_date date)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_days  date[] := array(
    select d.activity_date from learn.user_activity_days d where d.user_id = p_user_id and not d.is_freeze);
  v_now   timestamptz := learn.clock();
  v_stats learn.user_stats;
begin
  -- Days, and what analytics count of them
  if exists (
    select from learn_internal.all_facts l where l.user_id = p_user_id and l.is_qualifying and l.zone_number > 0)
  then
    delete from learn_internal.local_days d where d.user_id = p_user_id;
    insert into learn_internal.local_days (user_id, zone_number, local_date, first_at, last_at)
    select r.user_id, r.zone_number, r.local_date, r.first_at, r.last_at
    from learn_internal.local_day_recounts r
    where r.user_id = p_user_id;
    perform learn_internal.settle_days(p_user_id);
  else
    insert into learn.user_activity_days as d (user_id, activity_date)
    select distinct p_user_id, l.local_date
    from learn_internal.all_facts l
    where l.user_id = p_user_id and l.is_qualifying
    on conflict (user_id, activity_date) do update set is_freeze = false where d.is_freeze;
  end if;
  insert into learn_internal.tally_changes (measure, day, item, value)
  with days(day, value) as (
    select d.activity_date, 1 from learn.user_activity_days d where d.user_id = p_user_id and not d.is_freeze
    union all
    select o, -1 from unnest(v_days) o
  )
  select 'active_days', d.day, '', sum(d.value) from days d group by d.day having sum(d.value) <> 0
  union all
  select 'active_weeks', w.week, to_char(date_trunc('week', s.registered_on::timestamp), 'YYYY-MM-DD'), sum(w.value)
  from learn.user_stats s
  cross join (
    select distinct date_trunc('week', d.day::timestamp)::date as week, d.value from days d
  ) w
  where s.user_id = p_user_id
  group by w.week, s.registered_on
  having sum(w.value) <> 0;
  perform learn_internal.settle_streak(p_user_id, p_from_date);

  perform learn_internal.settle_skills(array_agg(u.user_id), array_agg(u.skill_id), array_agg(v_now))
  from learn.user_skills u
  where u.user_id = p_user_id;
  perform learn_internal.rebuild_users(array[p_user_id], p_tallies => false);

  -- What both together have completed
  perform learn_internal.complete_solved_lessons(array_agg(v.user_id), array_agg(v.lesson_id))
  from learn_internal.solved_lessons v
  where v.user_id = p_user_id and not exists (
    select from learn.user_lesson_progress p
    where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null)
  having count(*) > 0;
  perform learn_internal.complete_challenges(array_agg(f.user_id), array_agg(f.challenge_id), array_agg(f.last_passed_at))
  from learn_internal.full_challenges f
  join learn.user_challenge_progress p on p.user_id = f.user_id and p.challenge_id = f.challenge_id
  where f.user_id = p_user_id and p.completed_at is null
  having count(*) > 0;
  perform learn_internal.unlock_challenges(array[p_user_id], v_now)
  where exists (select from learn.user_challenge_progress p where p.user_id = p_user_id);

  -- Levels and achievements, until nothing is new
  loop
    select s.* into v_stats from learn.user_stats s where s.user_id = p_user_id;
    if v_stats.current_level > v_stats.highest_level then
      update learn.user_stats s set highest_level = s.current_level where s.user_id = p_user_id;
      perform learn_internal.announce_levels(array[(
        p_user_id, v_stats.highest_level, v_stats.current_level, v_now, '{}')::learn_internal.rise]);
    end if;
    insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
    select distinct on (d.achievement_id) d.user_id, d.achievement_id, v_now, d.evidence
    from learn_internal.deserved_achievements d
    where d.user_id = p_user_id
      and (d.is_sole or learn_internal.satisfies_criteria(d.user_id, d.criteria))
    order by d.achievement_id
    on conflict (user_id, achievement_id) do nothing;
    exit when not found;
  end loop;
end;
$$;
comment on function learn_internal.replay_user(uuid, date) is
  'Makes anew what follows from a learner''s facts, and completes, pays and earns what is due only now.';

-- functions/identity/merge_users.sql

-- Makes two accounts of one person one. Everything of p_from comes to p_into, each fact once: what both have done, earned
-- or voted for counts and pays once, as it did for p_into, and the better result stays. Streaks, levels and boards are
-- those of the days and facts of both; what is complete or deserved only by both together is paid and earned now. p_into
-- keeps its name, email, time zone and role; what its profile leaves out comes from the other. p_from is gone then.
-- Merging the same two again changes nothing. Nobody else writes for learners until this commits, so do nothing else
-- in the transaction.
-- Errors: LX001 no two accounts; LX002; LX004 one of them is inactive; 55P03 learners were too busy: call it again.
create or replace function learn.merge_users(p_from uuid, p_into uuid)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- backends write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_call     learn_internal.call;
  v_from     learn.users;
  v_tokens   learn.user_achievements[];
  v_token    learn.user_achievements;
  v_payments bigint[];
  v_moved    jsonb;
  v_first    date;
  v_archived timestamptz;           -- until then
begin
  if p_from is null or p_into is null or p_from = p_into then
    raise exception 'merging takes two accounts'
      using errcode = 'LX001',
        detail = format('p_from = %s, p_into = %s', coalesce(p_from::text, 'null'), coalesce(p_into::text, 'null')),
        hint = 'Pass the account that goes, and the one that stays.';
  end if;
  perform from learn_internal.turns t where t.name = 'partitions' for share;  -- nobody archives meanwhile
  perform learn_internal.wait_for_learners('merge_users');
  perform from learn.user_stats s where s.user_id in (p_from, p_into) order by s.user_id for update;
  v_call := learn_internal.begin_call('merge_users', p_into, '{}', null, null);
  select u.* into v_from from learn.users u where u.id = p_from;
  if not found then
    if exists (
      select from learn.audit_log a
      where a.about_user = p_from and a.action = 'merge_users' and a.object_key ->> 'into' = p_into::text)
    then
      v_call.replay := learn_internal.summarize(v_call);
      v_call.replay.replayed := true;
      return v_call.replay;
    end if;
    perform learn_internal.require_user(p_from, false, 'p_from',
      'Look it up in learn.users; what was merged into another account is in learn.audit_trail().');
  elsif not v_from.is_active then
    raise exception 'the user is inactive'
      using errcode = 'LX004', detail = format('p_from = %s', p_from),
        hint = 'Set learn.users.is_active first, if the account may go on in another.';
  end if;

  perform set_config('learn_internal.merging', 'yes', true);
  perform learn_internal.combine_rows(p_from, p_into);
  v_tokens := array(
    select f
    from learn.user_achievements f
    join learn.user_achievements i on i.user_id = p_into and i.achievement_id = f.achievement_id
    where f.user_id = p_from and f.token_id is not null);
  update learn.user_achievements f
  set token_id = null, collection_id = null, serial_number = null, metadata_uri = null, tx_id = null, minted_at = null
  where f.user_id = p_from and f.achievement_id in (select t.achievement_id from unnest(v_tokens) t);
  v_first := (
    select min(d.activity_date) from learn.user_activity_days d where d.user_id = p_from and not d.is_freeze);
  v_archived := learn_internal.unpack_archive(array[p_from, p_into]);
  v_payments := learn_internal.move_facts(p_from, p_into);
  v_moved := learn_internal.move_rows(p_from, p_into);
  foreach v_token in array v_tokens loop
    update learn.user_achievements i
    set token_id = v_token.token_id, collection_id = v_token.collection_id, serial_number = v_token.serial_number,
      metadata_uri = v_token.metadata_uri, tx_id = v_token.tx_id, minted_at = v_token.minted_at
    where i.user_id = p_into and i.achievement_id = v_token.achievement_id and i.token_id is null;
  end loop;
  update learn.level_attempts a
  set attempt_number = n.number
  from (
    select l.id, row_number() over (
      partition by l.challenge_id, l.level_number order by l.created_at, l.id) as number
    from learn.level_attempts l
    where l.user_id = p_into
  ) n
  where a.user_id = p_into and a.id = n.id and a.attempt_number <> n.number;
  -- What workers have not done yet is for the one who is there.
  update learn.outbox o
  set key = replace(o.key, p_from::text, p_into::text), payload = o.payload || jsonb_build_object('user_id', p_into)
  where o.completed_at is null and (o.topic, o.key) in (
    select 'faucet', p_from || ' ' || r.id from learn.faucet_requests r where r.user_id = p_into
    union all
    select 'nft_mint', c.certificate_number from learn.nft_certificates c where c.user_id = p_into
    union all
    select 'nft_mint', format('achievement %s %s', p_from, a.id) from learn.user_achievements a where a.user_id = p_into
    union all
    select 'notification', p_from || ' ' || n.id from learn.notifications n where n.user_id = p_into);

  -- The profile: unique values change hands first.
  update learn.users u set email = null, evm_address = null, hedera_account_id = null, selected_avatar_id = null
  where u.id = p_from;
  update learn.users u
  set email = coalesce(u.email, v_from.email),
    is_verified = case when u.email is null then v_from.is_verified else u.is_verified end,
    display_name = coalesce(u.display_name, v_from.display_name), bio = coalesce(u.bio, v_from.bio),
    avatar_url = coalesce(u.avatar_url, v_from.avatar_url), avatar_emoji = coalesce(u.avatar_emoji, v_from.avatar_emoji),
    evm_address = coalesce(u.evm_address, v_from.evm_address),
    hedera_account_id = coalesce(u.hedera_account_id, v_from.hedera_account_id),
    selected_avatar_id = coalesce(u.selected_avatar_id, v_from.selected_avatar_id),
    preferences = case when pg_column_size(v_from.preferences || u.preferences) <= 65536
      then v_from.preferences || u.preferences else u.preferences end,
    onboarding_completed = u.onboarding_completed or v_from.onboarding_completed,
    skill_level = case when 'advanced' in (u.skill_level, v_from.skill_level) then 'advanced'
      else greatest(u.skill_level, v_from.skill_level) end,
    last_login_at = greatest(u.last_login_at, v_from.last_login_at),
    last_active_at = greatest(u.last_active_at, v_from.last_active_at),
    -- what has dates of another zone is looked up by date from now on, as after a change of zone
    zone_since = case when (u.timezone, u.day_starts_at) <> (v_from.timezone, v_from.day_starts_at)
      or v_from.zone_since is not null then learn.clock() else u.zone_since end
  where u.id = p_into;
  update learn.user_stats s set last_active_at = greatest(s.last_active_at, f.last_active_at)
  from learn.user_stats f
  where s.user_id = p_into and f.user_id = p_from;
  delete from learn.users u where u.id = p_from;
  perform learn_internal.pack_archive(v_archived, '{}', p_into) where v_archived is not null;
  perform set_config('learn_internal.merging', '', true);

  perform learn_internal.replay_user(p_into, v_first);
  perform learn_internal.audit('merge_users', 'user', p_from, jsonb_build_object('into', p_into));
  perform learn_internal.audit('merge_users', 'user', p_into, jsonb_build_object('from', p_from), null,
    jsonb_build_object('rows', v_moved, 'payments_left_out', cardinality(v_payments)));
  return learn_internal.end_call(v_call);
end;
$$;
comment on function learn.merge_users(uuid, uuid) is
  'Makes two accounts of one person one: everything of p_from comes to p_into, each fact once, and p_from is gone.';
grant execute on function learn.merge_users(uuid, uuid) to learn_app;

-- functions/identity/is_merging.sql

-- Whether merge_users() is under way: rows may change hands then. The setting says so for next to nothing.
create or replace function learn_internal.is_merging()
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(current_setting('learn_internal.merging', true), '') = 'yes'
    and learn_internal.is_running('learn.merge_users');
end;
$$;
comment on function learn_internal.is_merging() is 'Whether merge_users() is under way.';

-- functions/identity/unpack_archive.sql

-- Moves what is archived of accounts that are being merged back into the log and the ledger, into their default
-- partitions. Returns the time until which it was archived, for pack_archive(); null: nothing was.
create or replace function learn_internal.unpack_archive(p_user_ids uuid[])
returns timestamptz
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_until timestamptz;
begin
  v_until := greatest(
    (select max(f.recorded_at) from learn_internal.unpacked_facts f where f.user_id = any (p_user_ids)),
    (select max(t.created_at) from learn_internal.unpacked_payments t where t.user_id = any (p_user_ids)));
  if v_until is null then
    return null;
  end if;
  perform set_config('learn_internal.writes_facts', 'yes', true);
  insert into learn.activity_log_default
    (user_id, id, activity_type, subject_type, subject_id, properties, xp, occurred_at, local_date, zone_number,
     is_qualifying, recorded_at, idempotency_key)
  overriding system value
  select f.user_id, f.id, f.activity_type, f.subject_type, f.subject_id, f.properties, f.xp, f.occurred_at, f.local_date,
    f.zone_number, f.is_qualifying, f.recorded_at, f.idempotency_key
  from learn_internal.unpacked_facts f
  where f.user_id = any (p_user_ids);
  perform set_config('learn_internal.writes_facts', '', true);
  insert into learn.xp_transactions_default
    (user_id, id, amount, activity_type, source_type, source_id, description, earned_on, created_at)
  overriding system value
  select t.user_id, t.id, t.amount, t.activity_type, t.source_type, t.source_id, t.description, t.earned_on, t.created_at
  from learn_internal.unpacked_payments t
  where t.user_id = any (p_user_ids);
  delete from learn_internal.archived_facts a where a.user_id = any (p_user_ids);
  delete from learn_internal.archived_payments a where a.user_id = any (p_user_ids);
  return v_until + interval '1 microsecond';
end;
$$;
comment on function learn_internal.unpack_archive(uuid[]) is
  'Moves what is archived of accounts that are being merged back into the log and the ledger; returns until when it was.';

-- triggers/identity/learner_roles.sql

-- When a learner is erased: the login role that was theirs is nobody from then on. Else it would be whomever its
-- settings name.
create or replace function learn_internal.keep_erased_roles()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from learn.users u where u.id = old.user_id) then
    insert into learn_internal.erased_roles (role_name) values (old.role_name) on conflict do nothing;
  end if;
  return null;
end;
$$;
comment on function learn_internal.keep_erased_roles() is
  'Row trigger: the login role of an erased learner is nobody from then on.';

create or replace trigger keep_erased_roles
  after delete on learn_internal.learner_roles
  for each row execute function learn_internal.keep_erased_roles();

reset role;
