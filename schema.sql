-- The baseline of Laurel: roles, schemas, the clock, and the tables that everything else stands on
-- (identity, catalog, progress). Every later change is a numbered file in migrations/.
--
-- Two schemas: `learn` is public (callers use its functions, tables and views),
-- `learn_internal` is not.
-- Three roles: `learn_owner` owns every object and cannot log in; `learn_app` is what backends are
-- granted; `learn_readonly` is for people and dashboards. Grant them to login roles of your own.
-- Every key of a user-owned row starts with user_id, and foreign keys point only to the same
-- user's rows or to the catalog: that is what lets a deployment shard by user. Their other indexes
-- end with user_id, so that a plan made while a table was small finds one user's row by either.

-- ── _shared: roles and schemas ───────────────────────────────────────────────────────────────────

do $$
declare
  v_role text;
begin
  foreach v_role in array array['learn_owner', 'learn_app', 'learn_readonly'] loop
    if not exists (select from pg_catalog.pg_roles r where r.rolname = v_role) then
      begin
        execute format('create role %I nologin', v_role);
      exception
        when duplicate_object or unique_violation then
          null;  -- another database of this cluster made it in the same moment
        when insufficient_privilege then
          raise exception 'role % does not exist and % may not create it', v_role, current_user
            using errcode = '42501',
              detail = format('missing role: %s', v_role),
              hint = 'Let an administrator run: create role learn_owner nologin; '
                'create role learn_app nologin; '
                'create role learn_readonly nologin; '
                'grant learn_owner to ' || quote_ident(current_user) || ';';
      end;
    end if;
  end loop;

  if not pg_catalog.pg_has_role(current_user, 'learn_owner', 'member')
    or not (select r.rolsuper from pg_catalog.pg_roles r where r.rolname = current_user)
  then
    -- A role that may create roles does not become a member of those that it creates
    -- (or not one that may SET ROLE, from PostgreSQL 16 on). Where an administrator has granted
    -- membership already, this is not needed.
    begin
      execute format('grant learn_owner to %I', current_user);
    exception
      when insufficient_privilege then
        if not pg_catalog.pg_has_role(current_user, 'learn_owner', 'member') then
          raise exception '% is not a member of learn_owner and may not grant it to itself',
            current_user
            using errcode = '42501',
              hint = 'Let an administrator run: grant learn_owner to '
                || quote_ident(current_user) || ';';
        end if;
    end;
  end if;
end;
$$;

create schema learn authorization learn_owner;
create schema learn_internal authorization learn_owner;

set role learn_owner;

comment on schema learn is
  'Learning progress and rewards: the public functions, tables and views of Laurel.';
comment on schema learn_internal is 'Internals of Laurel: nothing here is for callers.';
grant usage on schema learn to learn_app, learn_readonly;

create table learn_internal.clock_override (
  is_only_row boolean primary key default true,
  now_is      timestamptz not null,
  constraint clock_override_has_one_row check (is_only_row)
);
comment on table learn_internal.clock_override is
  'At most one row: the time that learn.clock() returns instead of the real one. '
  'For tests; empty in production.';

create table learn_internal.content_lock (
  is_only_row boolean primary key default true,
  version     bigint not null default 1,
  constraint content_lock_has_one_row check (is_only_row)
);
comment on table learn_internal.content_lock is
  'What happens to learners holds this table in row share mode, a change of content or rules '
  'in exclusive mode: so that nobody is measured half by the old and half by the new. '
  'First in the order of locks, before user_stats. version lets callers with an old snapshot '
  '(repeatable read, serializable) notice: they get 40001.';
insert into learn_internal.content_lock default values;

-- functions/_shared/clock.sql
-- The time that all of Laurel goes by: the transaction's start,
-- or what learn_internal.set_clock() says.
create or replace function learn.clock()
returns timestamptz
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
stable
parallel safe
security definer                  -- the override is no caller's to read or write
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((select o.now_is from learn_internal.clock_override o), now());
end;
$$;
comment on function learn.clock() is
  'The time Laurel goes by: the start of the transaction, unless a test has set another. '
  'App roles cannot set it.';
revoke all on function learn.clock() from public;
grant execute on function learn.clock() to learn_app, learn_readonly;

-- functions/_shared/hold_content.sql
-- Keeps content and rules as they are until the transaction ends: the first lock of all that
-- happens to learners. It is shared and taken on the fast path, so that learners do not wait
-- for each other, only for a change of content. A caller whose snapshot is older than such a change
-- gets a serialization failure (40001) and retries.
create or replace function learn_internal.hold_content()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform from learn_internal.content_lock for share;
  end if;
end;
$$;
comment on function learn_internal.hold_content() is
  'Keeps content and rules as they are until the transaction ends.';
revoke all on function learn_internal.hold_content() from public;

-- functions/_shared/hold_content_first.sql
-- Tables that refer to content and are written by learners: content is held before
-- the first row refers to it.
create or replace function learn_internal.hold_content_first()
returns trigger
language plpgsql
volatile
security definer                  -- the lock is the owner's
set search_path = pg_catalog, pg_temp
as $$
begin
  -- as hold_content() does it, without the price of a call
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;
  return null;
end;
$$;
comment on function learn_internal.hold_content_first() is
  'Statement trigger: keeps content as it is until the transaction ends.';
revoke all on function learn_internal.hold_content_first() from public;

-- functions/_shared/change_content.sql
-- Tables of content and rules: a change waits for the learners under way, and new ones wait for it,
-- until it commits. Keep such transactions short on a live database.
create or replace function learn_internal.change_content()
returns trigger
language plpgsql
volatile
security definer                  -- the lock is the owner's
set search_path = pg_catalog, pg_temp
as $$
begin
  lock table learn_internal.content_lock in exclusive mode;
  update learn_internal.content_lock set version = version + 1;
  return null;
end;
$$;
comment on function learn_internal.change_content() is
  'Statement trigger: a change of content or rules has learners wait.';
revoke all on function learn_internal.change_content() from public;

-- functions/_shared/set_clock.sql
-- Stops Laurel's clock at a time, or lets it run again (null). For tests; only the owner may.
create or replace function learn_internal.set_clock(p_at timestamptz)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  delete from learn_internal.clock_override;
  insert into learn_internal.clock_override (now_is) select p_at where p_at is not null;
$$;
comment on function learn_internal.set_clock(timestamptz) is
  'Stops learn.clock() at a time; null lets it run again. For tests.';
revoke all on function learn_internal.set_clock(timestamptz) from public;

-- functions/_shared/touch_updated_at.sql
-- Keeps updated_at true on the tables that have one.
create or replace function learn_internal.touch_updated_at()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  new.updated_at := learn.clock();
  return new;
end;
$$;
comment on function learn_internal.touch_updated_at() is
  'Row trigger: sets updated_at to the time of the change.';
revoke all on function learn_internal.touch_updated_at() from public;

-- ── identity ─────────────────────────────────────────────────────────────────────────────────────

create table learn.users (
  id                   uuid primary key default gen_random_uuid(),
  username             text not null,
  email                text,
  display_name         text,
  avatar_url           text,
  avatar_emoji         text,
  bio                  text,
  locale               text not null default 'en',
  timezone             text not null default 'UTC',
  role                 text not null default 'user',
  skill_level          text not null default 'beginner',
  evm_address          text,
  hedera_account_id    text,
  preferences          jsonb not null default '{}',
  is_active            boolean not null default true,
  is_verified          boolean not null default false,
  onboarding_completed boolean not null default false,
  show_on_leaderboard  boolean not null default true,
  selected_avatar_id   bigint,
  last_login_at        timestamptz,
  last_active_at       timestamptz,
  created_at           timestamptz not null default learn.clock(),
  updated_at           timestamptz not null default learn.clock(),
  constraint username_is_not_blank check (username ~ '\S' and length(username) <= 100),
  constraint email_looks_like_one check (
    email ~ '^[^@[:space:]]+@[^@[:space:]]+$' and length(email) <= 320),
  constraint locale_is_a_language_tag check (locale ~ '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$'),
  constraint role_is_known check (role in ('user', 'moderator', 'admin')),
  constraint skill_level_is_known check (skill_level in ('beginner', 'intermediate', 'advanced')),
  constraint evm_address_is_hex check (evm_address ~ '^0x[0-9A-Fa-f]{40}$'),
  constraint hedera_account_id_is_one check (hedera_account_id ~ '^[0-9]+\.[0-9]+\.[0-9]+$'),
  constraint preferences_are_an_object check (jsonb_typeof(preferences) = 'object')
);
comment on table learn.users is
  'A learner, moderator or administrator. Only username is required. '
  'A row''s user_stats row comes with it.';
comment on column learn.users.timezone is
  'IANA time zone; a learner''s days are local dates in it.';
comment on column learn.users.is_active is
  'False: calls for this user are refused (LX004) and no board shows them.';
comment on column learn.users.show_on_leaderboard is 'False: no leaderboard shows this user.';
create unique index users_username_is_unique on learn.users (lower(username));
create unique index users_email_is_unique on learn.users (lower(email));
create unique index users_evm_address_is_unique on learn.users (lower(evm_address));
create unique index users_hedera_account_id_is_unique on learn.users (hedera_account_id);
create index users_selected_avatar on learn.users (selected_avatar_id)
  where selected_avatar_id is not null;
grant select on learn.users to learn_app, learn_readonly;

-- triggers/identity/users_touch.sql
-- When a user's row is changed, its updated_at says so.
create or replace trigger users_touch
  before update on learn.users
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger users_touch on learn.users is 'Keeps updated_at.';

create table learn.user_credentials (
  user_id       uuid primary key references learn.users on delete cascade,
  password_hash text not null,
  updated_at    timestamptz not null default learn.clock(),
  constraint password_hash_is_not_blank check (password_hash ~ '\S')
);
comment on table learn.user_credentials is
  'Password hashes, apart from users so that no role that reads users can read them: '
  'only functions do.';

create table learn.user_stats (
  user_id            uuid primary key references learn.users on delete cascade,
  total_xp           bigint not null default 0,
  current_level      integer not null default 1,
  highest_level      integer not null default 1,
  current_streak     integer not null default 0,
  longest_streak     integer not null default 0,
  active_days        integer not null default 0,
  last_activity_date date,
  streak_freezes     integer not null default 0,
  constraint total_xp_is_not_negative check (total_xp >= 0),
  constraint levels_are_positive check (current_level >= 1 and highest_level >= 1),
  constraint streaks_are_not_negative check (
    current_streak >= 0 and longest_streak >= current_streak
    and active_days >= 0 and streak_freezes >= 0)
) with (fillfactor = 70);
comment on table learn.user_stats is
  'One row per user, made by trigger; its lock orders everything that happens to that user. '
  'A projection: total_xp is the sum of xp_transactions, the rest follows from '
  'user_activity_days and level_thresholds.';
comment on column learn.user_stats.current_streak is
  'Run of active days that ends at last_activity_date. For the streak as of today '
  'use calculate_user_streak().';
comment on column learn.user_stats.highest_level is
  'Highest level ever reached; each is announced once.';
grant select on learn.user_stats to learn_app, learn_readonly;

-- ── catalog ──────────────────────────────────────────────────────────────────────────────────────

create table learn.difficulties (
  key           text primary key,
  rank          integer not null,
  xp_multiplier numeric(6, 2) not null default 1,
  constraint difficulty_key_is_a_slug check (key ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint xp_multiplier_is_not_negative check (xp_multiplier >= 0)
);
comment on table learn.difficulties is
  'Difficulties of tracks, courses, lessons and challenges, with what they multiply XP by.';
grant select on learn.difficulties to learn_app, learn_readonly;

insert into learn.difficulties (key, rank, xp_multiplier) values
  ('beginner', 1, 1), ('intermediate', 2, 1), ('advanced', 3, 1),
  ('fundamentals', 1, 1), ('concepts', 2, 1), ('systems', 3, 1),
  ('easy', 1, 1), ('medium', 2, 2), ('hard', 3, 3);

create table learn.learning_paths (
  id           bigint generated always as identity primary key,
  slug         text not null,
  title        text not null,
  description  text not null default '',
  is_published boolean not null default true,
  created_at   timestamptz not null default learn.clock(),
  updated_at   timestamptz not null default learn.clock(),
  constraint learning_paths_slug_is_unique unique (slug),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint title_is_not_blank check (title ~ '\S')
);
comment on table learn.learning_paths is
  'A sequence of tracks; completed when all its published tracks are.';
grant select on learn.learning_paths to learn_app, learn_readonly;

create table learn.tracks (
  id              bigint generated always as identity primary key,
  slug            text not null,
  title           text not null,
  description     text not null default '',
  difficulty      text not null default 'beginner' references learn.difficulties on update cascade,
  estimated_hours numeric(6, 2),
  position        integer not null default 0,
  completion_xp   integer,
  is_published    boolean not null default true,
  created_at      timestamptz not null default learn.clock(),
  updated_at      timestamptz not null default learn.clock(),
  constraint tracks_slug_is_unique unique (slug),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint estimated_hours_are_positive check (estimated_hours > 0),
  constraint completion_xp_is_not_negative check (completion_xp >= 0)
);
comment on table learn.tracks is
  'A set of items (lessons) to complete; needs at least one published item to be completable.';
comment on column learn.tracks.completion_xp is
  'XP for completing the track; null: what xp_rules pays for track_completed.';
create index tracks_difficulty on learn.tracks (difficulty);
grant select on learn.tracks to learn_app, learn_readonly;

create table learn.learning_path_tracks (
  path_id  bigint not null references learn.learning_paths on delete cascade,
  track_id bigint not null references learn.tracks on delete cascade,
  position integer not null default 0,
  primary key (path_id, track_id)
);
comment on table learn.learning_path_tracks is
  'The tracks of a learning path, in order of position.';
create index learning_path_tracks_track on learn.learning_path_tracks (track_id);
grant select on learn.learning_path_tracks to learn_app, learn_readonly;

create table learn.track_prerequisites (
  track_id              bigint not null references learn.tracks on delete cascade,
  prerequisite_track_id bigint not null references learn.tracks on delete cascade,
  primary key (track_id, prerequisite_track_id),
  constraint track_is_not_its_own_prerequisite check (track_id <> prerequisite_track_id)
);
comment on table learn.track_prerequisites is
  'Tracks to complete before another. A cycle is refused (LX012).';
create index track_prerequisites_prerequisite on learn.track_prerequisites (prerequisite_track_id);
grant select on learn.track_prerequisites to learn_app, learn_readonly;

create table learn.lessons (
  id                 bigint generated always as identity primary key,
  slug               text not null,
  title              text not null,
  lesson_type        text not null default 'text',
  content            jsonb not null default '{}',
  difficulty         text references learn.difficulties on update cascade,
  sequence_number    integer,
  xp_reward          integer,
  time_limit_seconds integer,
  estimated_minutes  integer,
  translations       jsonb not null default '{}',
  is_published       boolean not null default true,
  created_at         timestamptz not null default learn.clock(),
  updated_at         timestamptz not null default learn.clock(),
  constraint lessons_slug_is_unique unique (slug),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint lesson_type_is_not_blank check (lesson_type ~ '\S'),
  constraint xp_reward_is_not_negative check (xp_reward >= 0),
  constraint time_limit_is_positive check (time_limit_seconds > 0),
  constraint estimated_minutes_are_positive check (estimated_minutes > 0),
  constraint translations_are_an_object check (jsonb_typeof(translations) = 'object')
);
comment on table learn.lessons is
  'A lesson with 0..n exercises. One with published exercises completes by itself '
  'when all of them are solved.';
comment on column learn.lessons.xp_reward is
  'XP for completing the lesson before the difficulty''s multiplier; null: '
  'what xp_rules pays for lesson_completed.';
comment on column learn.lessons.time_limit_seconds is
  'For clients to show and enforce; the database does not.';
create index lessons_difficulty on learn.lessons (difficulty);
grant select on learn.lessons to learn_app, learn_readonly;

create table learn.exercises (
  id           bigint generated always as identity primary key,
  lesson_id    bigint not null references learn.lessons on delete cascade,
  position     integer not null default 0,
  prompt       text not null default '',
  is_published boolean not null default true,
  created_at   timestamptz not null default learn.clock()
);
comment on table learn.exercises is 'A problem of a lesson, solved by a correct query submission.';
create index exercises_lesson on learn.exercises (lesson_id) where is_published;
create index exercises_lesson_position on learn.exercises (lesson_id, position);
grant select on learn.exercises to learn_app, learn_readonly;

create table learn.track_lessons (
  track_id  bigint not null references learn.tracks on delete cascade,
  lesson_id bigint not null references learn.lessons on delete cascade,
  position  integer not null default 0,
  primary key (track_id, lesson_id)
);
comment on table learn.track_lessons is 'The lessons of a track, in order of position.';
create index track_lessons_lesson on learn.track_lessons (lesson_id);
grant select on learn.track_lessons to learn_app, learn_readonly;

-- ── progress ─────────────────────────────────────────────────────────────────────────────────────

create table learn.user_lesson_progress (
  user_id            uuid not null references learn.users on delete cascade,
  lesson_id          bigint not null references learn.lessons on delete cascade,
  status             text not null default 'not_started',
  score              numeric,
  time_spent_seconds integer,
  started_at         timestamptz,
  completed_at       timestamptz,
  primary key (user_id, lesson_id),
  constraint status_is_known check (status in ('not_started', 'in_progress', 'completed')),
  constraint completed_lessons_have_a_date check (
    (status = 'completed') = (completed_at is not null)),
  constraint score_is_a_percentage check (score between 0 and 100),
  constraint time_spent_is_not_negative check (time_spent_seconds >= 0)
) with (fillfactor = 90);
comment on table learn.user_lesson_progress is
  'Where a user stands with a lesson. A row that becomes completed pays XP and moves tracks, '
  'however it is written.';
comment on column learn.user_lesson_progress.completed_at is
  'Sticky: never goes away, whatever happens to the content.';
comment on column learn.user_lesson_progress.score is 'Percent, 0 to 100.';
create index user_lesson_progress_lesson on learn.user_lesson_progress (lesson_id, user_id);
grant select on learn.user_lesson_progress to learn_app, learn_readonly;

create table learn.user_track_progress (
  user_id             uuid not null references learn.users on delete cascade,
  track_id            bigint not null references learn.tracks on delete cascade,
  status              text not null default 'not_started',
  items_completed     integer not null default 0,
  total_items         integer not null,
  progress_percentage numeric(5, 2) not null default 0,
  completed_at        timestamptz,
  primary key (user_id, track_id),
  constraint items_completed_are_items check (items_completed between 0 and total_items)
) with (fillfactor = 70);
comment on table learn.user_track_progress is
  'How many of a track''s published items a user has completed: live. completed_at is sticky.';
comment on column learn.user_track_progress.status is
  'not_started, in_progress or completed: follows from the other columns, whatever is written.';
comment on column learn.user_track_progress.progress_percentage is
  'Follows from the items, whatever is written.';
create index user_track_progress_track on learn.user_track_progress (track_id, user_id);
grant select on learn.user_track_progress to learn_app, learn_readonly;

create table learn.user_path_progress (
  user_id          uuid not null references learn.users on delete cascade,
  path_id          bigint not null references learn.learning_paths on delete cascade,
  tracks_completed integer not null default 0,
  total_tracks     integer not null,
  completed_at     timestamptz,
  primary key (user_id, path_id),
  constraint tracks_completed_are_tracks check (tracks_completed between 0 and total_tracks)
) with (fillfactor = 70);
comment on table learn.user_path_progress is
  'How many of a path''s published tracks a user has completed: live. completed_at is sticky.';
create index user_path_progress_path on learn.user_path_progress (path_id, user_id);
grant select on learn.user_path_progress to learn_app, learn_readonly;

create table learn.user_difficulty_progress (
  user_id      uuid not null references learn.users on delete cascade,
  difficulty   text not null references learn.difficulties on update cascade on delete cascade,
  completed_at timestamptz not null,
  primary key (user_id, difficulty)
);
comment on table learn.user_difficulty_progress is
  'Difficulties of which a user has completed every published track, at least one. Sticky.';
create index user_difficulty_progress_difficulty
  on learn.user_difficulty_progress (difficulty, user_id);
grant select on learn.user_difficulty_progress to learn_app, learn_readonly;

reset role;
