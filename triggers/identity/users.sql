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
