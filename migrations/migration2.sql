-- Identity: users and their figures

set role learn_owner;

-- functions/identity/password_hash.sql

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
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Register the user first: learn.register_user().';
  end if;
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
      using errcode = 'LX001', detail = format('timezone = %s', v_name),
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

-- views/identity/identity_damage.sql

-- Where users lack what registering makes: the part of check_integrity() about identity.
create or replace view learn_internal.identity_damage (check_name, user_id, expected, actual) as
select 'user_has_stats', u.id, 'a row in user_stats', 'none'
from learn.users u
where not exists (select from learn.user_stats s where s.user_id = u.id)
union all
select 'registration_days_follow_from_facts', s.user_id, f.local_date::text, s.registered_on::text
from learn.user_stats s
join learn.activity_log f on f.user_id = s.user_id and f.activity_type = 'user_registered'
where s.registered_on <> f.local_date;
comment on view learn_internal.identity_damage is
  'Users without what registering makes; no row when all is well.';

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
  if not exists (
    select from learn.avatars a where a.id = new.selected_avatar_id and a.is_default)
    and not exists (
    select from learn.user_avatars o
    where o.user_id = new.id and o.avatar_id = new.selected_avatar_id)
  then
    raise exception 'the avatar is not unlocked'
      using errcode = 'LX010',
        detail = format('user_id = %s, avatar_id = %s', new.id, new.selected_avatar_id),
        hint = 'Default avatars belong to everyone, others come with achievements: '
          'learn.avatar_collection().';
  end if;
  return new;
end;
$$;
comment on function learn_internal.check_avatar() is
  'Row trigger: a user shows only avatars that are the user''s (LX010).';

create or replace trigger check_avatar
  before update of selected_avatar_id on learn.users
  for each row
  when (new.selected_avatar_id is not null
    and new.selected_avatar_id is distinct from old.selected_avatar_id)
  execute function learn_internal.check_avatar();

create or replace trigger check_first_avatar
  before insert on learn.users
  for each row
  when (new.selected_avatar_id is not null)
  execute function learn_internal.check_avatar();

-- Before a user is deleted: what was tallied of the user is taken out again, as if the user had never
-- been there. Before, because afterwards nobody knows the week of registration. The user's row is
-- locked by now: no fact of theirs can come in between.
create or replace function learn_internal.tally_deleted_users()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'registrations', s.registered_on, '', -1
  from learn.user_stats s
  where s.user_id = old.id
  union all
  select 'active_days', d.activity_date, '', -1
  from learn.user_activity_days d
  where d.user_id = old.id and not d.is_freeze
  union all
  select distinct 'active_weeks', date_trunc('week', d.activity_date::timestamp)::date,
    to_char(date_trunc('week', s.registered_on::timestamp), 'YYYY-MM-DD'), -1
  from learn.user_activity_days d
  join learn.user_stats s on s.user_id = d.user_id
  where d.user_id = old.id and not d.is_freeze
  union all
  select 'xp', t.earned_on, t.activity_type, -sum(t.amount)
  from learn.xp_transactions t
  where t.user_id = old.id
  group by t.earned_on, t.activity_type;
  return old;
end;
$$;
comment on function learn_internal.tally_deleted_users() is
  'Row trigger: takes out of the tallies what was counted of a user, before the user is deleted.';

create or replace trigger tally_deleted_users
  before delete on learn.users
  for each row
  execute function learn_internal.tally_deleted_users();

-- When a user's row is changed, its updated_at says so; that the user was seen is no change.
create or replace trigger users_touch
  before update on learn.users
  for each row
  when ((old.last_login_at, old.last_active_at) is not distinct from (new.last_login_at, new.last_active_at)
    and old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

-- When a user moves to another time zone, or lets days start at another time: since when, and what was before,
-- is kept. Days that were are not rewritten.
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
  new.zone_number := old.zone_number;
  new.zone_since := old.zone_since;
  if (new.timezone, new.day_starts_at) <> (old.timezone, old.day_starts_at) then
    new.zone_number := old.zone_number + 1;
    new.zone_since := greatest(learn.clock(), old.zone_since);
    insert into learn.user_timezones (user_id, number, timezone, day_starts_at, until)
    values (old.id, old.zone_number, old.timezone, old.day_starts_at, new.zone_since);
  end if;
  return new;
end;
$$;
comment on function learn_internal.keep_zone() is
  'Row trigger: keeps the zone that a user had, when it is changed for another.';

create or replace trigger keep_zone
  before update on learn.users
  for each row
  when ((old.timezone, old.day_starts_at, old.zone_number, old.zone_since)
    is distinct from (new.timezone, new.day_starts_at, new.zone_number, new.zone_since))
  execute function learn_internal.keep_zone();

create or replace trigger keep_first_zone
  before insert on learn.users
  for each row
  when (new.zone_number <> 0 or new.zone_since is not null)
  execute function learn_internal.keep_zone();

-- When a user moves to another time zone: it must be one. Days that were are not rewritten.
-- Errors: LX001 unknown time zone.
create or replace function learn_internal.check_timezone()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.require_timezones(array[new.timezone]);
  return null;
end;
$$;
comment on function learn_internal.check_timezone() is
  'Row trigger: refuses an unknown time zone (LX001).';

create or replace trigger check_timezone
  after update of timezone on learn.users
  for each row
  when (new.timezone <> old.timezone)
  execute function learn_internal.check_timezone();

-- When users are renamed, come and go, or want to be seen or not: their boards are marked to be recounted;
-- when they move to another time zone, where a streak ends at another time: the one of streaks to be looked up.
-- For each row, because nearly all updates of users are of other columns: those cost nothing.
-- Argument of the trigger: the metric; empty for all.
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
  for each row
  when ((old.username, old.is_active, old.show_on_leaderboard)
    is distinct from (new.username, new.is_active, new.show_on_leaderboard))
  execute function learn_internal.mark_user_boards('');

create or replace trigger users_moved
  after update of timezone, day_starts_at on learn.users
  for each row
  when ((old.timezone, old.day_starts_at) <> (new.timezone, new.day_starts_at))
  execute function learn_internal.mark_user_boards('current_streak');

-- When users are made: each gets a stats row, and signing up is a fact. Several at once are an
-- import: what they earn by it, they are not notified of.
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
  after insert on learn.users
  referencing new table as new_users
  for each statement
  execute function learn_internal.register_users();

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
    perform learn_internal.request_fold();  -- at commit: nothing of them is left anywhere
  end if;
  return null;
end;
$$;
comment on function learn_internal.recount_deleted_boards() is
  'Statement trigger: takes deleted users off the boards.';

create or replace trigger users_gone
  after delete on learn.users
  referencing old table as old_users
  for each statement
  execute function learn_internal.recount_deleted_boards();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.users
  for each row
  when (learn_internal.is_off_time(
    greatest(new.created_at, new.updated_at, new.last_login_at, new.last_active_at),
    least(new.created_at, new.updated_at, new.last_login_at, new.last_active_at)))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'last_login_at', 'last_active_at');

create or replace trigger refuse_new_times
  before update of created_at, updated_at, last_login_at, last_active_at on learn.users
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at)
    or new.updated_at is distinct from old.updated_at and learn_internal.is_off_time(new.updated_at, new.updated_at)
    or new.last_login_at is distinct from old.last_login_at and learn_internal.is_off_time(new.last_login_at, new.last_login_at)
    or new.last_active_at is distinct from old.last_active_at and learn_internal.is_off_time(new.last_active_at, new.last_active_at))
  execute function learn_internal.refuse_times('created_at', 'updated_at', 'last_login_at', 'last_active_at');

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
-- Tables of which more is to say have such a trigger in a file of their own (…_hold.sql).
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
-- It tries for short whiles, letting go in between, so that learners never queue behind it for long.
-- Old idempotency keys are deleted while learners go on: see hold_learners. A call that deletes, such as a vote that is taken back, has its locks already: it stops nobody.
-- Errors: 55P03 after 50 tries.
create or replace function learn_internal.stop_learners()
returns trigger
language plpgsql
volatile
security definer                  -- the lock is the owner's
set search_path = pg_catalog, pg_temp
set lock_timeout = '200ms'
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
  for v_try in 1 .. 50 loop
    begin
      lock table learn_internal.content_lock in exclusive mode;
      return null;
    exception
      when lock_not_available then
        if v_try = 50 then
          raise exception 'learners are busy: there was no moment to delete in'
            using errcode = sqlstate, detail = format('table %s', tg_relid::regclass),
              hint = 'Nothing was deleted. Try again when no long transaction is under way: '
                'select * from pg_stat_activity order by xact_start.';
        end if;
    end;
    perform pg_sleep(0.01 * v_try);
  end loop;
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
create or replace view learn.public_profiles as
select u.id as user_id, u.username, u.display_name, u.avatar_url, u.avatar_emoji, u.bio, u.created_at,
  case when u.show_on_leaderboard then s.total_xp end as total_xp,
  case when u.show_on_leaderboard then s.current_level end as current_level
from learn.users u
join learn.user_stats s on s.user_id = u.id
where u.is_active;
comment on view learn.public_profiles is
  'What learners see of each other: active users with names, pictures and, unless they stay off the boards, XP and level.';
grant select on learn.public_profiles to learn_app, learn_user, learn_readonly;

-- triggers/identity/user.sql

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

create or replace trigger refuse_new_times
  before update of last_activity_date, registered_on, last_active_at on learn.user_stats
  for each row
  when (new.last_activity_date is distinct from old.last_activity_date and learn_internal.is_off_date(new.last_activity_date, new.last_activity_date)
    or new.registered_on is distinct from old.registered_on and learn_internal.is_off_date(new.registered_on, new.registered_on)
    or new.last_active_at is distinct from old.last_active_at and learn_internal.is_off_time(new.last_active_at, new.last_active_at))
  execute function learn_internal.refuse_times('last_activity_date', 'registered_on', 'last_active_at');

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
    v_new := jsonb_populate_record(v_old, p_profile);
    v_new.username := normalize(v_new.username, nfc);
    v_new.display_name := learn_internal.trim_text(v_new.display_name);
    v_new.bio := learn_internal.tidy_text(v_new.bio);
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
  exception
    when unique_violation or check_violation or invalid_datetime_format or datetime_field_overflow then
      get stacked diagnostics v_constraint = constraint_name, v_message = message_text;
      raise exception 'the profile cannot be changed so'
        using errcode = 'LX001',
          detail = case v_constraint
            when 'users_username_is_unique' then 'username is taken'
            when 'users_username_has_no_twin' then 'username is taken, or one that looks the same'
            when 'texts_are_canonical' then coalesce(
              'username ' || learn_internal.text_problem(v_new.username, true),
              'email ' || learn_internal.text_problem(v_new.email, true),
              'display_name ' || learn_internal.text_problem(v_new.display_name, true),
              'avatar_url ' || learn_internal.text_problem(v_new.avatar_url, true),
              'avatar_emoji ' || learn_internal.text_problem(v_new.avatar_emoji, true))
            when 'users_email_is_unique' then 'email is taken'
            when 'users_hedera_account_id_is_unique' then 'hedera_account_id is taken'
            when '' then v_message
            else replace(v_constraint, '_', ' ') || ' does not hold'
          end,
          hint = 'Names, emails and accounts are unique without regard to case; what each field may be, '
            'the constraints of learn.users say.';
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

-- functions/identity/user.sql

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
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Pass the id of a row of learn.users; erased users have none.';
  end if;
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

-- Everything about one user as JSON: the rows of every table that has a user_id (author_id, about_user), and of
-- learn.users.
-- Tables are found in the catalog, so that none is forgotten. The password hash stays where it is.
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
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Pass the id of a row of learn.users.';
  end if;
  for v_table in
    select n.nspname as of_schema, c.relname as name, a.attname as key,
      array(select g.attname::text from pg_attribute g where g.attrelid = c.oid and g.attgenerated <> '') as generated
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p') and not c.relispartition
    join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('learn', 'learn_internal')
    where (a.attname in ('user_id', 'author_id', 'about_user') or a.attname = 'id' and c.oid = 'learn.users'::regclass)
      and not a.attisdropped and c.oid <> 'learn.user_credentials'::regclass
  loop
    execute format('select coalesce(jsonb_agg(to_jsonb(t) - $2 order by t), ''[]'') from %I.%I t where t.%I = $1',
      v_table.of_schema, v_table.name, v_table.key)
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
  s record;
begin
  for s in
    select t.user_id, max(t.at) as at
    from unnest(p_user_ids, p_at) t(user_id, at)
    group by t.user_id
    order by t.user_id
  loop
    update learn.user_stats k set last_active_at = s.at where k.user_id = s.user_id;
    update learn.users u set last_active_at = s.at
    where u.id = s.user_id and (u.last_active_at is null or u.last_active_at < s.at);
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

reset role;
