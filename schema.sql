-- The baseline of Laurel: roles, schemas, types, every table by domain, and the rules that are Laurel's own.
-- Functions that tables need stand before them; all other functions, views and triggers follow in migrations/,
-- by domain.
--
-- Two schemas: `learn` is public (callers use its functions, tables and views),
-- `learn_internal` is not.
-- Five roles: `learn_owner` owns every object and cannot log in; `learn_editor` saves and publishes content;
-- `learn_app` is what backends are granted; `learn_user` acts for one learner only; `learn_readonly` is for people and
-- dashboards. Grant them to login roles of your own.
-- Every key of a user-owned row starts with user_id, and foreign keys point only to the same
-- user's rows or to the catalog: that is what lets a deployment shard by user. Their other indexes
-- end with user_id, so that a plan made while a table was small finds one user's row by either.

-- First, and in ASCII alone, because a database of another encoding cannot read more.
do $$
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'the encoding of database % is %', current_database(), current_setting('server_encoding')
      using errcode = '0A000', detail = 'Names are compared as Unicode has them.',
        hint = 'Make the database anew: create database NAME encoding ''UTF8'' template template0;';
  end if;
end;
$$;

-- ── _shared: roles and schemas ───────────────────────────────────────────────────────────────────

do $$
declare
  v_role text;
begin
  foreach v_role in array array['learn_owner', 'learn_editor', 'learn_app', 'learn_user', 'learn_readonly'] loop
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
                'create role learn_editor nologin; '
                'create role learn_app nologin; '
                'create role learn_user nologin; '
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

-- What is made from here on is nobody's but the owner's until it is granted, by later migrations too. Not `in schema`:
-- PostgreSQL can take away there only what was granted there.
alter default privileges revoke execute on functions from public;
alter default privileges revoke usage on types from public;

comment on schema learn is
  'Learning progress and rewards: the public functions, tables and views of Laurel.';
comment on schema learn_internal is 'Internals of Laurel: nothing here is for callers.';
grant usage on schema learn to learn_editor, learn_app, learn_user, learn_readonly;

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
set jit = off
as $$
begin
  return coalesce((select o.now_is from learn_internal.clock_override o), now());
end;
$$;
comment on function learn.clock() is
  'The time Laurel goes by: the start of the transaction, unless a test has set another. '
  'App roles cannot set it.';
grant execute on function learn.clock() to learn_editor, learn_app, learn_user, learn_readonly;

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

create table learn_internal.turns (name text primary key);
comment on table learn_internal.turns is
  'What is done by one at a time: whose turn it is has locked the row. Rows of a table that nobody else '
  'may read, and no advisory locks, which every role can take.';
insert into learn_internal.turns (name) values ('boards'), ('content'), ('faucet'), ('partitions');
insert into learn_internal.turns (name) select 'faucet ' || n from generate_series(0, 255) n;

-- functions/_shared/hidden_characters.sql

-- A pattern for characters that nobody sees, or that turn the direction of what follows: they make texts that
-- differ look alike. Joiners and selectors are none where a script or an emoji needs them: between letters of
-- Arabic scripts and of the scripts of India and its neighbours, in emoji, and behind Chinese characters.
create or replace function learn_internal.hidden_characters()
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return
    E'[\\u00AD\\u034F\\u061C\\u115F\\u1160\\u17B4\\u17B5\\u200B\\u200E\\u200F\\u202A-\\u202E\\u2060-\\u206F'
      || E'\\u3164\\uFDD0-\\uFDEF\\uFEFF\\uFFA0\\uFFF0-\\uFFFC\\uFFFE\\uFFFF\\U0001BCA0-\\U0001BCA3'
      || E'\\U0001D173-\\U0001D17A\\U000E0000-\\U000E001F\\U000E0080-\\U000E00FF\\U000E01F0-\\U000E0FFF]'
    -- joiners: behind a letter of those scripts or an emoji
    || '|' || E'(?<![\\u0600-\\u08FF\\u0900-\\u0DFF\\u1000-\\u109F\\u1780-\\u17FF\\u1B00-\\u1BFF\\uA8E0-\\uAADF\\uABC0-\\uABFF'
      || E'\\U00011000-\\U00011FFF\\u2190-\\u2BFF\\u3030\\u303D\\u3297\\u3299\\uFE0F\\U0001F000-\\U0001FAFF])'
      || E'[\\u200C\\u200D]'
    -- and before another one, where it is of Arabic or an emoji
    || '|' || E'(?<=[\\u0600-\\u08FF])[\\u200C\\u200D](?![\\u0600-\\u08FF])'
    || '|' || E'(?<=[\\u2190-\\u2BFF\\u3030\\u303D\\u3297\\u3299\\uFE0F\\U0001F000-\\U0001FAFF])'
      || E'(?:\\u200C|\\u200D(?![\\u2190-\\u2BFF\\U0001F000-\\U0001FAFF]))'
    -- selectors: behind an emoji, a symbol, a Chinese character, or between a digit and a keycap
    || '|' || E'(?<![#*0-9\\u00A9\\u00AE\\u203C\\u2049\\u2100-\\u2BFF\\u3030\\u303D\\u3297\\u3299\\u3400-\\u9FFF\\uF900-\\uFAFF'
      || E'\\U0001F000-\\U0001FAFF\\U00020000-\\U0003FFFF])[\\uFE00-\\uFE0F]'
    || '|' || E'(?<=[#*0-9])[\\uFE00-\\uFE0F](?!\\u20E3)'
    || '|' || E'(?<![\\u3400-\\u9FFF\\uF900-\\uFAFF\\U00020000-\\U0003FFFF])[\\U000E0100-\\U000E01EF]'
    || '|' || E'(?<![\\u1800-\\u18AF])[\\u180B-\\u180F]'
    -- tags: a few behind a black flag, which they make that of a country
    || '|' || E'(?<![\\U0001F3F4\\U000E0020-\\U000E007E])[\\U000E0020-\\U000E007F]'
    || '|' || E'[\\U000E0020-\\U000E007F]{8,}';
end;
$$;
comment on function learn_internal.hidden_characters() is
  'A pattern for characters that nobody sees, or that turn the direction of a text, where no script needs them.';

-- functions/_shared/text_problem.sql

-- What is wrong with a text that people see, in words; null when nothing is. It is composed (Unicode NFC), has
-- no blanks at its ends, and no character that cannot be seen but line breaks and tabs; of such a text that is
-- one line (p_is_line), not even these. Whether it may be empty is not asked here.
create or replace function learn_internal.text_problem(p_text text, p_is_line boolean default false)
returns text
language plpgsql                  -- keeps its plan, and reads no further than it must
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_blanks constant text :=
    E'\\u0009-\\u000D\\u0020\\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u2800\\u3000';
  v_hidden text;
begin
  -- mostly there is nothing else in it
  if p_text ~ (E'^([!-~]([ -~]*[!-~])?)?$' collate "C") then
    return null;
  end if;
  v_hidden := coalesce(
    substring(p_text from case when p_is_line then E'[\\u0001-\\u001F\\u007F-\\u009F\\u2028\\u2029]'
      else E'[\\u0001-\\u0008\\u000B-\\u001F\\u007F-\\u009F\\u2028\\u2029]' end),
    substring(p_text from learn_internal.hidden_characters()));
  return case
    when v_hidden is not null then format('has a character that cannot be seen: U+%s',
      lpad(upper(to_hex(ascii(v_hidden))), 4, '0'))
    when p_text ~ format('^[%1$s]|[%1$s]$', v_blanks) then 'has blanks at its ends'
    when p_text ~ format(E'^[%s\\u0300-\\u036F\\u180B-\\u180F\\u200C\\u200D\\uFE00-\\uFE0F]+$', v_blanks)
      then 'shows nothing'
    when p_text is not nfc normalized then 'is not composed as Unicode''s form NFC has it'
  end;
end;
$$;
comment on function learn_internal.text_problem(text, boolean) is
  'What is wrong with a text that people see, in words; null when nothing is. p_is_line: it is one line.';

-- ── _shared: domains ─────────────────────────────────────────────────────────────────────────────

-- What the values of learners' tables keep to, where it concerns one value. Domains and no CHECKs: PostgreSQL reads a
-- CHECK from text in every statement, which costs a learner 5 to 30 µs for each; a domain's once per session.

create domain learn.label as text constraint labels_are_limited check (length(value) <= 200);
comment on domain learn.label is 'A key or kind of something: at most 200 characters.';
create domain learn.reference as text constraint references_are_limited check (length(value) <= 500);
comment on domain learn.reference is 'An id or slug of something, as text: at most 500 characters.';
create domain learn.remark as text constraint remarks_are_limited check (length(value) <= 4000);
comment on domain learn.remark is 'A text for people: at most 4,000 characters.';
create domain learn.properties as jsonb constraint properties_are_limited check (pg_column_size(value) <= 65536);
comment on domain learn.properties is 'What is known of a fact: at most 64 kB.';
create domain learn.progress_status as text
  constraint status_is_known check (value in ('not_started', 'in_progress', 'completed'));
comment on domain learn.progress_status is 'not_started, in_progress or completed.';
create domain learn.percentage as numeric constraint percentage_is_in_range check (value between 0 and 100);
comment on domain learn.percentage is '0 to 100.';
create domain learn.quantity as integer constraint quantity_is_not_negative check (value >= 0);
comment on domain learn.quantity is 'A number of things, or of seconds: 0 or more.';
create domain learn.total as bigint constraint total_is_not_negative check (value >= 0);
comment on domain learn.total is 'A sum that is never negative.';
create domain learn.difference as integer constraint difference_is_not_zero check (value <> 0);
comment on domain learn.difference is 'What is added or, negative, taken away: not 0.';
create domain learn.level as integer constraint level_is_positive check (value >= 1);
comment on domain learn.level is 'A level: 1 or more.';
create domain learn.name as text constraint names_can_be_shown check (
  length(value) <= 200 and learn_internal.text_problem(value, true) is null);
comment on domain learn.name is 'A name that people see: one line of at most 200 characters.';
create domain learn.address as text constraint addresses_can_be_shown check (
  length(value) <= 2000 and learn_internal.text_problem(value, true) is null);
comment on domain learn.address is 'A URL or the like: one line of at most 2,000 characters.';
create domain learn.message as text constraint messages_can_be_shown check (
  length(value) <= 10000 and learn_internal.text_problem(value) is null);
comment on domain learn.message is 'A text that people see: at most 10,000 characters, with line breaks.';
create domain learn.username as text constraint username_is_not_blank check (
  value ~ '\S' and length(value) <= 100 and learn_internal.text_problem(value, true) is null);
comment on domain learn.username is 'What a user is called: one line of 1 to 100 characters.';
create domain learn.email as text constraint email_looks_like_one check (
  value ~ '^[^@[:space:]]+@[^@[:space:]]+$' and length(value) <= 320
  and learn_internal.text_problem(value, true) is null);
comment on domain learn.email is 'What looks like an email address: at most 320 characters.';
create domain learn.emoji as text constraint emoji_can_be_shown check (
  length(value) <= 100 and learn_internal.text_problem(value, true) is null);
comment on domain learn.emoji is 'An emoji or two: one line of at most 100 characters.';
create domain learn.locale as text constraint locale_is_a_language_tag check (
  value ~ '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$' and length(value) <= 100);
comment on domain learn.locale is 'A language tag, such as fil-PH.';
create domain learn.timezone as text constraint timezones_are_limited check (length(value) <= 100);
comment on domain learn.timezone is 'The name of a time zone: at most 100 characters.';
create domain learn.day_start as time constraint day_starts_by_six check (value between '00:00' and '06:00');
comment on domain learn.day_start is 'When a learner''s day starts: 00:00 to 06:00.';
create domain learn.user_role as text constraint role_is_known check (value in ('user', 'moderator', 'admin'));
comment on domain learn.user_role is 'user, moderator or admin.';
create domain learn.skill_level as text
  constraint skill_level_is_known check (value in ('beginner', 'intermediate', 'advanced'));
comment on domain learn.skill_level is 'beginner, intermediate or advanced.';
create domain learn.evm_address as text constraint evm_address_is_hex check (
  value ~ '^0x[0-9A-Fa-f]{40}$' and length(value) <= 42);
comment on domain learn.evm_address is 'The address of an Ethereum wallet.';
create domain learn.hedera_account as text constraint hedera_account_id_is_one check (
  value ~ '^[0-9]+\.[0-9]+\.[0-9]+$' and length(value) <= 100);
comment on domain learn.hedera_account is 'The id of a Hedera account, such as 0.0.1234.';
create domain learn.preferences as jsonb constraint preferences_are_an_object check (
  jsonb_typeof(value) = 'object' and pg_column_size(value) <= 65536);
comment on domain learn.preferences is 'What a user has chosen: an object of at most 64 kB.';
create domain learn.evidence as jsonb constraint evidence_is_limited check (pg_column_size(value) <= 262144);
comment on domain learn.evidence is 'What an achievement was earned by: at most 256 kB.';
create domain learn.notice_type as text constraint type_is_a_slug check (
  value ~ '^[a-z0-9]+([-_.:][a-z0-9]+)*$' and length(value) <= 50);
comment on domain learn.notice_type is 'A kind of notifications.';
create domain learn.notice_title as text constraint title_is_not_blank check (
  value ~ '\S' and length(value) <= 300 and learn_internal.text_problem(value, true) is null);
comment on domain learn.notice_title is 'One line of 1 to 300 characters.';
create domain learn.action_url as text constraint action_url_leads_somewhere check (
  value ~ '^(/|[A-Za-z][A-Za-z0-9+.-]*:)' and value collate "C" !~* '^(javascript|data|vbscript):'
  and length(value) <= 2000 and learn_internal.text_problem(value, true) is null);
comment on domain learn.action_url is 'Where a notification leads: a path or a URL, and no script.';
create domain learn.query_text as text constraint query_text_is_not_blank check (value ~ '\S' and length(value) <= 100000);
comment on domain learn.query_text is 'A query that a learner has run: 1 to 100,000 characters.';
create domain learn.query_error as text constraint query_errors_are_limited check (length(value) <= 10000);
comment on domain learn.query_error is 'What a query failed with: at most 10,000 characters.';

create type learn.award_summary as (
  user_id          uuid,
  xp_awarded       integer,
  total_xp         bigint,
  current_level    integer,
  leveled_up       boolean,
  current_streak   integer,
  new_achievements text[],
  unlocked         jsonb,
  replayed         boolean
);
comment on type learn.award_summary is
  'What a call did for a user: XP of this call and in total, level, streak as of today in days, '
  'slugs of achievements earned by this call, what it unlocked or made ({"avatars": [slug, …], '
  '"levels": [{"course": slug, "level": slug}, …], "challenges": [slug, …], '
  '"discussion_id": 1, "reply_id": 1, "vote": "upvote"}: each where there is one), '
  'and whether it is the stored answer of an earlier call with the same idempotency key.';
grant usage on type learn.award_summary to learn_app, learn_user, learn_readonly;

create type learn_internal.call as (
  user_id          uuid,
  function_name    text,
  idempotency_key  text,
  arguments_hash   text,
  occurred_at      timestamptz,
  total_xp         bigint,
  current_level    integer,
  last_achievement bigint,
  replay           learn.award_summary,
  last_unlock      bigint,
  last_challenge   bigint,
  today            date
);
comment on type learn_internal.call is
  'A public call under way: what held before it, or the answer to replay.';

create type learn_internal.fact as (
  user_id       uuid,
  activity_type text,
  subject_type  text,
  subject_id    text,
  properties    jsonb,
  xp            integer,
  occurred_at   timestamptz
);
comment on type learn_internal.fact is 'A fact before it is written to learn.activity_log.';

create type learn_internal.gain as (
  user_id uuid, metric text, local_date date, activity_type text, amount bigint);
comment on type learn_internal.gain is 'What a user has gained for boards to count: a row of board_gains.';

create type learn_internal.win as (
  user_id uuid, achievement_id bigint, at timestamptz, evidence jsonb);
comment on type learn_internal.win is 'A threshold that a user has crossed, when, and by what.';

create type learn_internal.opened_day as (
  won learn_internal.win[], gains learn_internal.gain[], day date, week date, cohort date);
comment on type learn_internal.opened_day is
  'What a new active day of a user earns, and what boards and analytics are to count: the day; the week, of which '
  'it is the first, and that of the registration.';

create type learn_internal.day_terms as (boards text[], freeze_every integer);
comment on type learn_internal.day_terms is
  'What active days mean: which of their metrics have boards, and after how many of a streak it earns a freeze.';

create type learn_internal.rise as (
  user_id uuid, from_level integer, to_level integer, at timestamptz, won learn_internal.win[]);
comment on type learn_internal.rise is 'The highest level that a user had and has, and what that earns.';

create type learn_internal.run_event as (
  user_id uuid, metric text, scope text, id bigint, is_end boolean, at timestamptz);
comment on type learn_internal.run_event is 'A fact that lengthens a run or ends it.';

create type learn_internal.streak_walk as (
  current_streak integer, longest_streak integer, active_days integer, last_activity_date date,
  used_on date[], freeze_ids bigint[], granted_on date[], earned_on date[]);
comment on type learn_internal.streak_walk is
  'What a user''s days and freezes make: the streak; the days that freezes cover, and by which (parallel '
  'arrays; no id: one that is earned on the way); the days that earn a freeze.';

create type learn_internal.lesson_event as (user_id uuid, lesson_id bigint, at timestamptz);
comment on type learn_internal.lesson_event is 'What happened to a user''s lesson, and when.';

create type learn_internal.completion as (
  user_id      uuid,
  lesson_id    bigint,
  completed_at timestamptz,
  started_at   timestamptz,
  score        numeric,
  seconds      integer
);
comment on type learn_internal.completion is
  'A lesson that a user has just completed; seconds: what this attempt took.';

create type learn_internal.lesson_terms as (
  id            bigint,
  properties    jsonb,
  xp            integer,
  is_qualifying boolean,
  course_id     bigint,
  track_ids     bigint[],
  pass_score    numeric,
  hard_limit    integer,
  has_exercises boolean,
  is_plain      boolean
);
comment on type learn_internal.lesson_terms is 'What a completion asks of its lesson.';

create type learn_internal.track_step as (user_id uuid, track_id bigint, at timestamptz);
comment on type learn_internal.track_step is 'An item of a track that a user has just completed, and when.';

create type learn_internal.attempt as (
  user_id uuid, id bigint, challenge_id bigint, level_number integer, at timestamptz);
comment on type learn_internal.attempt is 'An attempt at a level of a challenge.';

create type learn_internal.post as (
  discussion_id bigint, asker_id uuid, author_id uuid, course_id bigint);
comment on type learn_internal.post is
  'A discussion, or a reply in it: who asked, who wrote the post, and the course that it is about.';

create type learn_internal.post_step as (discussion_id bigint, reply_id bigint, amount integer);
comment on type learn_internal.post_step is 'A reply that a discussion has more or less.';

create type learn_internal.vote as (
  discussion_id bigint, reply_id bigint, vote_type text, votes integer);
comment on type learn_internal.vote is 'A vote that a post has more or less.';

create type learn_internal.logged_fact as (
  user_id       uuid,
  activity_type text,
  subject_type  text,
  subject_id    text,
  properties    jsonb,
  xp            integer,
  occurred_at   timestamptz,
  local_date    date,
  zone_number   integer,
  is_qualifying boolean
);
comment on type learn_internal.logged_fact is 'A fact with all that the log says of it.';

create type learn_internal.lesson_time as (
  user_id uuid, lesson_id bigint, seconds integer, at timestamptz);
comment on type learn_internal.lesson_time is
  'Time that a user has spent in a lesson, in seconds, and when; null: now.';

-- ── identity ─────────────────────────────────────────────────────────────────────────────────────

-- functions/identity/username_key.sql

-- What usernames are unique by: compatibility characters are taken apart (Unicode NFKD), letters are merged as
-- Unicode's CaseFolding says, what cannot be seen is left out, and blanks are one blank. So names are the
-- same that look the same or differ in case, whatever the locale of the database.
create or replace function learn_internal.username_key(p_username text)
returns text
language plpgsql                  -- an index calls it
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_username ~ (E'^[!-~]+( [!-~]+)*$' collate "C") then
    return lower(p_username collate "C");
  end if;
  return replace(translate(
    regexp_replace(
      regexp_replace(normalize(p_username, nfkd),
        E'[\\u034F\\u200B-\\u200F\\u180B-\\u180F\\uFE00-\\uFE0F\\U000E0100-\\U000E01EF]', '', 'g'),
      E'[\\u0020\\u0085\\u1680\\u2028\\u2029\\u2800]+', ' ', 'g'),
    -- letters that are none of their own when case does not matter; what has an accent is apart from it by now
      'ABCDEFGHIJKLMNOPQRSTUVWXYZÆÐØÞĐĦŁŊŒŦƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƢƤƦƧƩƬƮƱƲƳƵƷƸƼǤǶǷȜȠȢȤȺȻȽȾɁɃɄɅɆɈɊ'
      'ɌɎͅͰͲͶͿΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩςϏϘϚϜϞϠϢϤϦϨϪϬϮϷϺϽϾϿЂЄЅІЈЉЊЋЏАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭ'
      'ЮЯѠѢѤѦѨѪѬѮѰѲѴѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӃӅӇӉӋӍӔӘӠӨӶӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴ'
      'ԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖႠႡႢႣႤႥႦႧႨႩႪႫႬႭႮႯႰႱႲႳႴႵႶႷႸႹႺႻႼႽႾႿჀჁჂჃჄჅჇჍᏸᏹᏺᏻᏼᏽᲀᲁᲂᲃᲄᲅᲆᲇ'
      'ᲈᲐᲑᲒᲓᲔᲕᲖᲗᲘᲙᲚᲛᲜᲝᲞᲟᲠᲡᲢᲣᲤᲥᲦᲧᲨᲩᲪᲫᲬᲭᲮᲯᲰᲱᲲᲳᲴᲵᲶᲷᲸᲹᲺᲽᲾᲿỺỼỾℲↃⰀⰁⰂⰃⰄⰅⰆⰇⰈⰉⰊⰋⰌⰍⰎⰏⰐⰑⰒⰓⰔⰕⰖⰗⰘⰙⰚⰛⰜⰝⰞⰟⰠⰡⰢⰣ'
      'ⰤⰥⰦⰧⰨⰩⰪⰫⰬⰭⰮⰯⱠⱢⱣⱤⱧⱩⱫⱭⱮⱯⱰⱲⱵⱾⱿⲀⲂⲄⲆⲈⲊⲌⲎⲐⲒⲔⲖⲘⲚⲜⲞⲠⲢⲤⲦⲨⲪⲬⲮⲰⲲⲴⲶⲸⲺⲼⲾⳀⳂⳄⳆⳈⳊⳌⳎⳐⳒⳔⳖⳘⳚⳜⳞⳠⳢⳫⳭⳲꙀꙂꙄꙆꙈꙊꙌꙎ'
      'ꙐꙒꙔꙖꙘꙚꙜꙞꙠꙢꙤꙦꙨꙪꙬꚀꚂꚄꚆꚈꚊꚌꚎꚐꚒꚔꚖꚘꚚꜢꜤꜦꜨꜪꜬꜮꜲꜴꜶꜸꜺꜼꜾꝀꝂꝄꝆꝈꝊꝌꝎꝐꝒꝔꝖꝘꝚꝜꝞꝠꝢꝤꝦꝨꝪꝬꝮꝹꝻꝽꝾꞀꞂꞄꞆꞋꞍꞐꞒꞖꞘꞚꞜꞞꞠꞢꞤꞦ'
      'ꞨꞪꞫꞬꞭꞮꞰꞱꞲꞳꞴꞶꞸꞺꞼꞾꟀꟂꟄꟅꟆꟇꟉꟐꟖꟘꟵꭰꭱꭲꭳꭴꭵꭶꭷꭸꭹꭺꭻꭼꭽꭾꭿꮀꮁꮂꮃꮄꮅꮆꮇꮈꮉꮊꮋꮌꮍꮎꮏꮐꮑꮒꮓꮔꮕꮖꮗꮘꮙꮚꮛꮜꮝꮞꮟꮠꮡꮢꮣꮤꮥꮦꮧꮨꮩꮪꮫꮬ'
      'ꮭꮮꮯꮰꮱꮲꮳꮴꮵꮶꮷꮸꮹꮺꮻꮼꮽꮾꮿ𐐀𐐁𐐂𐐃𐐄𐐅𐐆𐐇𐐈𐐉𐐊𐐋𐐌𐐍𐐎𐐏𐐐𐐑𐐒𐐓𐐔𐐕𐐖𐐗𐐘𐐙𐐚𐐛𐐜𐐝𐐞𐐟𐐠𐐡𐐢𐐣𐐤𐐥𐐦𐐧𐒰𐒱𐒲𐒳𐒴𐒵𐒶𐒷𐒸𐒹𐒺𐒻𐒼𐒽𐒾𐒿𐓀𐓁𐓂𐓃𐓄𐓅𐓆𐓇𐓈𐓉𐓊𐓋𐓌'
      '𐓍𐓎𐓏𐓐𐓑𐓒𐓓𐕰𐕱𐕲𐕳𐕴𐕵𐕶𐕷𐕸𐕹𐕺𐕼𐕽𐕾𐕿𐖀𐖁𐖂𐖃𐖄𐖅𐖆𐖇𐖈𐖉𐖊𐖌𐖍𐖎𐖏𐖐𐖑𐖒𐖔𐖕𐲀𐲁𐲂𐲃𐲄𐲅𐲆𐲇𐲈𐲉𐲊𐲋𐲌𐲍𐲎𐲏𐲐𐲑𐲒𐲓𐲔𐲕𐲖𐲗𐲘𐲙𐲚𐲛𐲜𐲝𐲞𐲟𐲠𐲡𐲢𐲣𐲤𐲥𐲦𐲧𐲨𐲩𐲪𐲫𐲬𐲭'
      '𐲮𐲯𐲰𐲱𐲲𑢠𑢡𑢢𑢣𑢤𑢥𑢦𑢧𑢨𑢩𑢪𑢫𑢬𑢭𑢮𑢯𑢰𑢱𑢲𑢳𑢴𑢵𑢶𑢷𑢸𑢹𑢺𑢻𑢼𑢽𑢾𑢿𖹀𖹁𖹂𖹃𖹄𖹅𖹆𖹇𖹈𖹉𖹊𖹋𖹌𖹍𖹎𖹏𖹐𖹑𖹒𖹓𖹔𖹕𖹖𖹗𖹘𖹙𖹚𖹛𖹜𖹝𖹞𖹟𞤀𞤁𞤂𞤃𞤄𞤅𞤆𞤇𞤈𞤉𞤊𞤋𞤌𞤍𞤎𞤏𞤐𞤑𞤒'
      '𞤓𞤔𞤕𞤖𞤗𞤘𞤙𞤚𞤛𞤜𞤝𞤞𞤟𞤠𞤡ẞ',
      'abcdefghijklmnopqrstuvwxyzæðøþđħłŋœŧɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵƣƥʀƨʃƭʈʊʋƴƶʒƹƽǥƕƿȝƞȣȥⱥȼƚⱦɂƀʉʌɇɉɋ'
      'ɍɏιͱͳͷϳαβγδεζηθικλμνξοπρστυφχψωσϗϙϛϝϟϡϣϥϧϩϫϭϯϸϻͻͼͽђєѕіјљњћџабвгдежзиклмнопрстуфхцчшщъыьэ'
      'юяѡѣѥѧѩѫѭѯѱѳѵѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏӄӆӈӊӌӎӕәӡөӷӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդ'
      'եզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆⴀⴁⴂⴃⴄⴅⴆⴇⴈⴉⴊⴋⴌⴍⴎⴏⴐⴑⴒⴓⴔⴕⴖⴗⴘⴙⴚⴛⴜⴝⴞⴟⴠⴡⴢⴣⴤⴥⴧⴭᏰᏱᏲᏳᏴᏵвдосттъѣ'
      'ꙋაბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰჱჲჳჴჵჶჷჸჹჺჽჾჿỻỽỿⅎↄⰰⰱⰲⰳⰴⰵⰶⰷⰸⰹⰺⰻⰼⰽⰾⰿⱀⱁⱂⱃⱄⱅⱆⱇⱈⱉⱊⱋⱌⱍⱎⱏⱐⱑⱒⱓ'
      'ⱔⱕⱖⱗⱘⱙⱚⱛⱜⱝⱞⱟⱡɫᵽɽⱨⱪⱬɑɱɐɒⱳⱶȿɀⲁⲃⲅⲇⲉⲋⲍⲏⲑⲓⲕⲗⲙⲛⲝⲟⲡⲣⲥⲧⲩⲫⲭⲯⲱⲳⲵⲷⲹⲻⲽⲿⳁⳃⳅⳇⳉⳋⳍⳏⳑⳓⳕⳗⳙⳛⳝⳟⳡⳣⳬⳮⳳꙁꙃꙅꙇꙉꙋꙍꙏ'
      'ꙑꙓꙕꙗꙙꙛꙝꙟꙡꙣꙥꙧꙩꙫꙭꚁꚃꚅꚇꚉꚋꚍꚏꚑꚓꚕꚗꚙꚛꜣꜥꜧꜩꜫꜭꜯꜳꜵꜷꜹꜻꜽꜿꝁꝃꝅꝇꝉꝋꝍꝏꝑꝓꝕꝗꝙꝛꝝꝟꝡꝣꝥꝧꝩꝫꝭꝯꝺꝼᵹꝿꞁꞃꞅꞇꞌɥꞑꞓꞗꞙꞛꞝꞟꞡꞣꞥꞧ'
      'ꞩɦɜɡɬɪʞʇʝꭓꞵꞷꞹꞻꞽꞿꟁꟃꞔʂᶎꟈꟊꟑꟗꟙꟶᎠᎡᎢᎣᎤᎥᎦᎧᎨᎩᎪᎫᎬᎭᎮᎯᎰᎱᎲᎳᎴᎵᎶᎷᎸᎹᎺᎻᎼᎽᎾᎿᏀᏁᏂᏃᏄᏅᏆᏇᏈᏉᏊᏋᏌᏍᏎᏏᏐᏑᏒᏓᏔᏕᏖᏗᏘᏙᏚᏛᏜ'
      'ᏝᏞᏟᏠᏡᏢᏣᏤᏥᏦᏧᏨᏩᏪᏫᏬᏭᏮᏯ𐐨𐐩𐐪𐐫𐐬𐐭𐐮𐐯𐐰𐐱𐐲𐐳𐐴𐐵𐐶𐐷𐐸𐐹𐐺𐐻𐐼𐐽𐐾𐐿𐑀𐑁𐑂𐑃𐑄𐑅𐑆𐑇𐑈𐑉𐑊𐑋𐑌𐑍𐑎𐑏𐓘𐓙𐓚𐓛𐓜𐓝𐓞𐓟𐓠𐓡𐓢𐓣𐓤𐓥𐓦𐓧𐓨𐓩𐓪𐓫𐓬𐓭𐓮𐓯𐓰𐓱𐓲𐓳𐓴'
      '𐓵𐓶𐓷𐓸𐓹𐓺𐓻𐖗𐖘𐖙𐖚𐖛𐖜𐖝𐖞𐖟𐖠𐖡𐖣𐖤𐖥𐖦𐖧𐖨𐖩𐖪𐖫𐖬𐖭𐖮𐖯𐖰𐖱𐖳𐖴𐖵𐖶𐖷𐖸𐖹𐖻𐖼𐳀𐳁𐳂𐳃𐳄𐳅𐳆𐳇𐳈𐳉𐳊𐳋𐳌𐳍𐳎𐳏𐳐𐳑𐳒𐳓𐳔𐳕𐳖𐳗𐳘𐳙𐳚𐳛𐳜𐳝𐳞𐳟𐳠𐳡𐳢𐳣𐳤𐳥𐳦𐳧𐳨𐳩𐳪𐳫𐳬𐳭'
      '𐳮𐳯𐳰𐳱𐳲𑣀𑣁𑣂𑣃𑣄𑣅𑣆𑣇𑣈𑣉𑣊𑣋𑣌𑣍𑣎𑣏𑣐𑣑𑣒𑣓𑣔𑣕𑣖𑣗𑣘𑣙𑣚𑣛𑣜𑣝𑣞𑣟𖹠𖹡𖹢𖹣𖹤𖹥𖹦𖹧𖹨𖹩𖹪𖹫𖹬𖹭𖹮𖹯𖹰𖹱𖹲𖹳𖹴𖹵𖹶𖹷𖹸𖹹𖹺𖹻𖹼𖹽𖹾𖹿𞤢𞤣𞤤𞤥𞤦𞤧𞤨𞤩𞤪𞤫𞤬𞤭𞤮𞤯𞤰𞤱𞤲𞤳𞤴'
      '𞤵𞤶𞤷𞤸𞤹𞤺𞤻𞤼𞤽𞤾𞤿𞥀𞥁𞥂𞥃ß'),
    'ß', 'ss');
end;
$$;
comment on function learn_internal.username_key(text) is
  'What usernames are unique by: merged by Unicode''s NFKD and CaseFolding, without what cannot be seen.';

create table learn.users (
  id                   uuid primary key default gen_random_uuid(),
  username             learn.username not null,
  email                learn.email,
  display_name         learn.name,
  avatar_url           learn.address,
  avatar_emoji         learn.emoji,
  bio                  learn.message,
  locale               learn.locale not null default 'en',
  timezone             learn.timezone not null default 'UTC',
  day_starts_at        learn.day_start not null default '00:00',
  zone_number          integer not null default 0,
  zone_since           timestamptz,
  role                 learn.user_role not null default 'user',
  skill_level          learn.skill_level not null default 'beginner',
  evm_address          learn.evm_address,
  hedera_account_id    learn.hedera_account,
  preferences          learn.preferences not null default '{}',
  is_active            boolean not null default true,
  is_verified          boolean not null default false,
  onboarding_completed boolean not null default false,
  show_on_leaderboard  boolean not null default true,
  selected_avatar_id   bigint,
  last_login_at        timestamptz,
  last_active_at       timestamptz,
  created_at           timestamptz not null default learn.clock(),
  updated_at           timestamptz not null default learn.clock()
) with (fillfactor = 80);
comment on table learn.users is
  'A learner, moderator or administrator. Only username is required. '
  'A row''s user_stats row comes with it.';
comment on column learn.users.timezone is
  'IANA time zone; a learner''s days are local dates in it.';
comment on column learn.users.last_active_at is
  'When the user learned or logged in last, to five minutes.';
comment on column learn.users.last_login_at is 'The last record_login(), to five minutes.';
comment on column learn.users.day_starts_at is
  'When the learner''s day starts, up to 06:00: what happens earlier counts on the day before. A change applies '
  'from then on.';
comment on column learn.users.zone_number is
  'How often timezone or day_starts_at were changed; what they were before is in user_timezones. Kept by a trigger.';
comment on column learn.users.zone_since is
  'Since when they are what they are; null: always. Kept by a trigger.';
comment on column learn.users.is_active is
  'False: calls for this user are refused (LX004) and no board shows them.';
comment on column learn.users.show_on_leaderboard is 'False: no leaderboard shows this user.';
create unique index users_username_is_unique on learn.users (lower(username));
create unique index users_username_has_no_twin on learn.users (learn_internal.username_key(username));
create unique index users_email_is_unique on learn.users (lower(email));
create unique index users_email_has_no_twin on learn.users (lower(email collate "C"));  -- in a Turkish database, too
create unique index users_evm_address_is_unique on learn.users (lower(evm_address));
-- partial, and so no key of the row to PostgreSQL: changing it waits for no foreign key, such as those of what is archived
create unique index users_hedera_account_id_is_unique on learn.users (hedera_account_id)
  where hedera_account_id is not null;
-- The unique ones are found by lower(…) alone; these by what people write: where email = '…'.
create index users_username on learn.users (username);
create index users_email on learn.users (email);
create index users_evm_address on learn.users (evm_address);
create index users_selected_avatar on learn.users (selected_avatar_id)
  where selected_avatar_id is not null;
grant select on learn.users to learn_app, learn_readonly;

create table learn.user_timezones (
  user_id       uuid not null references learn.users on delete cascade,
  number        integer not null,
  timezone      text not null,
  day_starts_at time not null,
  until         timestamptz not null,
  primary key (user_id, number),
  constraint number_is_not_negative check (number >= 0),
  constraint timezone_is_a_name check (timezone ~ '^[A-Za-z0-9_+/-]+$'),
  constraint sizes_are_limited check (length(timezone) <= 100)
);
comment on table learn.user_timezones is
  'The time zones that users had before the one in users, and when their days started: what comes late counts on '
  'the date of the zone that was the learner''s then. Written when they change.';
comment on column learn.user_timezones.number is 'The first is 0; users.zone_number is that of the current one.';
comment on column learn.user_timezones.until is 'When it was changed for the next one.';
grant select on learn.user_timezones to learn_app, learn_readonly;

create table learn.user_credentials (
  user_id       uuid primary key references learn.users on delete cascade,
  password_hash text not null,
  updated_at    timestamptz not null default learn.clock(),
  constraint password_hash_is_not_blank check (password_hash ~ '\S'),
  constraint sizes_are_limited check (length(password_hash) <= 1000)
);
comment on table learn.user_credentials is
  'Password hashes, apart from users so that no role that reads users can read them: '
  'only functions do.';

create table learn_internal.wallet_nonces (
  hash    text primary key,
  used_at timestamptz not null default learn.clock(),
  constraint hash_is_one check (hash ~ '^[0-9a-f]{64}$')
);
comment on table learn_internal.wallet_nonces is
  'Nonces by which wallets were linked: each serves once, and stays when its user is erased. No user is named.';
comment on column learn_internal.wallet_nonces.hash is 'SHA-256 of the nonce, in hex.';

create table learn.user_stats (
  user_id            uuid primary key references learn.users on delete cascade,
  total_xp           learn.total not null default 0,
  reward_xp          learn.total not null default 0,
  current_level      learn.level not null default 1,
  highest_level      learn.level not null default 1,
  current_streak     learn.quantity not null default 0,
  longest_streak     learn.quantity not null default 0,
  active_days        learn.quantity not null default 0,
  last_activity_date date,
  last_active_at     timestamptz,
  last_zone_number   integer not null default 0,
  settled_zone       integer not null default 0,
  streak_freezes     learn.quantity not null default 0,
  registered_on      date not null default (learn.clock() at time zone 'UTC')::date
) with (fillfactor = 70);
comment on table learn.user_stats is
  'One row per user, made by trigger; its lock orders everything that happens to that user. '
  'A projection: total_xp is the sum of xp_transactions, the rest follows from '
  'user_activity_days and level_thresholds.';
comment on column learn.user_stats.last_active_at is
  'When the user learned last, to five minutes: what users.last_active_at says, unless that was set otherwise.';
comment on column learn.user_stats.reward_xp is
  'Of the total, what rewards for ranks have paid: no board counts it.';
comment on column learn.user_stats.current_streak is
  'Run of active days that ends at last_activity_date. For the streak as of today '
  'use calculate_user_streak().';
comment on column learn.user_stats.last_zone_number is
  'The zone by which last_activity_date was counted: users.zone_number of then.';
comment on column learn.user_stats.settled_zone is
  'The zone whose facts on last_activity_date change nothing; -1 for some days after a change of zones, while '
  'every fact is looked at.';
comment on column learn.user_stats.highest_level is
  'Highest level ever reached; each is announced once.';
comment on column learn.user_stats.registered_on is
  'The user''s local date of registration. A later change of timezone leaves it.';
grant select on learn.user_stats to learn_app, learn_readonly;

-- ── operations ───────────────────────────────────────────────────────────────────────────────────

create table learn.rate_limits (
  kind        text primary key,
  max_calls   integer not null,
  per_seconds integer not null,
  constraint sizes_are_limited check (length(kind) <= 100),
  constraint limit_is_from_1_to_1000_calls check (max_calls between 1 and 1000),
  constraint time_is_from_a_second_to_a_week check (per_seconds between 1 and 604800)
);
comment on table learn.rate_limits is
  'How often each user may call a function, in any stretch of so many seconds; more is refused (LX008). A function '
  'without a row is not limited.';
comment on column learn.rate_limits.kind is 'A function of the schema learn that changes a learner''s state, such as post_reply.';
grant select on learn.rate_limits to learn_app, learn_readonly;

create table learn_internal.recent_calls (
  user_id   uuid not null references learn.users on delete cascade,
  kind      text not null,
  called_at timestamptz[] not null,
  primary key (user_id, kind)
) with (fillfactor = 70);
comment on table learn_internal.recent_calls is
  'When users called the functions of rate_limits lately: one row each, which two transactions at once cannot both change.';

create table learn.audit_log (
  id          bigint generated always as identity,
  about_user  uuid,
  action      text not null,
  object      text not null,
  object_key  jsonb not null default '{}',
  old_values  jsonb,
  new_values  jsonb,
  acting_role name not null,
  login_role  name not null,
  acting_user text,
  created_at  timestamptz not null default now(),
  primary key (created_at, id),
  constraint action_is_a_word check (action ~ '^[a-z_]+$' and length(action) <= 63),
  constraint sizes_are_limited check (
    length(object) <= 200 and length(acting_user) <= 200 and pg_column_size(object_key) <= 65536
    and pg_column_size(old_values) <= 67108864 and pg_column_size(new_values) <= 67108864)
) partition by range (created_at);
comment on table learn.audit_log is
  'Who changed content, rules, settings and rights, and who gave or took by hand: append-only (LX009), partitioned by '
  'month of created_at. Readable by the owner; audit_trail() for what was done to one user.';
comment on column learn.audit_log.about_user is 'Whose it was; stays when the user is erased, as the rest, which names nobody.';
comment on column learn.audit_log.action is 'insert, update or delete of a row; or the function that was called.';
comment on column learn.audit_log.object is 'The table, or what the function gave or took.';
comment on column learn.audit_log.object_key is 'The primary key of the row.';
comment on column learn.audit_log.old_values is 'The columns that were changed, as they were; of a deleted row all.';
comment on column learn.audit_log.new_values is 'The columns that were changed, as they are; of a new row all.';
comment on column learn.audit_log.acting_role is 'The role that it was done as: set role, else the login role.';
comment on column learn.audit_log.login_role is 'The role that had logged in.';
comment on column learn.audit_log.acting_user is
  'Who was at the other end, as the session says in the setting learn.acting_user, else current_learner().';
comment on column learn.audit_log.created_at is 'The real time, whatever clock() says.';
create index audit_log_about on learn.audit_log (about_user, created_at) where about_user is not null;
create index audit_log_object on learn.audit_log (object, created_at);

create table learn.audit_log_default partition of learn.audit_log default;
comment on table learn.audit_log_default is
  'Rows of months without a partition of their own; ensure_partitions() moves them into one.';

create table learn.platform_settings (
  key         text primary key,
  value       jsonb not null,
  value_type  text not null,
  description text not null default '',
  minimum     numeric not null default 0,
  maximum     numeric not null default 1000000,
  updated_at  timestamptz not null default learn.clock(),
  constraint setting_has_its_type check (jsonb_typeof(value) = value_type),
  constraint value_type_is_known check (
    value_type in ('number', 'string', 'boolean', 'object', 'array')),
  constraint range_is_one check (minimum >= 0 and maximum >= minimum and maximum <= 1000000000000000),
  constraint number_is_in_its_range check (case when jsonb_typeof(value) = 'number'
    then (value #>> '{}')::numeric between minimum and maximum else true end),
  constraint text_is_short check (jsonb_typeof(value) <> 'string' or length(value #>> '{}') <= 1000),
  constraint level_completion_policy_is_known check (
    key <> 'level_completion_policy' or value in ('"any"', '"all"')),
  constraint sizes_are_limited check (
    length(key) <= 200 and pg_column_size(value) <= 65536 and length(description) <= 10000),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(key, true), learn_internal.text_problem(description)) is null)
);
comment on table learn.platform_settings is
  'What a deployment may tune. A change applies to what happens from then on.';
comment on column learn.platform_settings.value_type is 'The JSON type that value must have.';
comment on column learn.platform_settings.minimum is
  'A number is at least this, and at most maximum: within it, everything goes on.';
grant select on learn.platform_settings to learn_app, learn_readonly;

insert into learn.platform_settings (key, value, value_type, description) values
  ('max_event_age_days', '30', 'number', 'How far back p_occurred_at may lie, in days.'),
  ('content_needs_review', 'false', 'boolean',
    'Editors publish content only after somebody else has approved it as it is.'),
  ('learner_claim', '"sub"', 'string',
    'The claim of a token that says who the learner is, by the id of learn.users; {a,b}: claim b within claim a.'),
  ('recorded_payments_per_day', '1000', 'number',
    'Facts of a type that a backend records for a user on a day and that pay; those beyond are kept and pay nothing.'),
  ('speed_runner_seconds', '60', 'number',
    'A lesson completed in fewer seconds after start_lesson counts as fast. No text names it.'),
  ('streak_freeze_every_days', '0', 'number',
    'A streak earns one freeze each time it grows by this many days; 0: never.'),
  ('streak_freeze_maximum', '2', 'number',
    'A streak earns no freeze while the user holds this many.');

create table learn.products (
  name     text primary key,
  added_at timestamptz not null default learn.clock(),
  constraint name_is_not_blank check (name ~ '\S' and length(name) <= 100),
  constraint texts_are_canonical check (learn_internal.text_problem(name, true) is null)
);
comment on table learn.products is
  'The products whose seeds this database holds: one, unless they were mixed on purpose.';
grant select on learn.products to learn_app, learn_readonly;

create table learn.idempotency_keys (
  user_id        uuid not null references learn.users on delete cascade,
  key            text not null,
  function_name  text not null,
  arguments_hash text not null,
  response       jsonb,
  created_at     timestamptz not null default learn.clock(),
  primary key (user_id, key),
  constraint key_is_not_blank check (key ~ '\S' and length(key) <= 200),
  constraint sizes_are_limited check (
    length(function_name) <= 100 and length(arguments_hash) <= 100
    and pg_column_size(response) <= 1048576)
);
comment on table learn.idempotency_keys is
  'Answers of calls that carried a p_idempotency_key, so that a retry gets the first '
  'answer and changes nothing.';
comment on column learn.idempotency_keys.arguments_hash is
  'SHA-256 of the function''s name and arguments, in hex.';

-- ── activity ─────────────────────────────────────────────────────────────────────────────────────

create table learn.activity_types (
  key           text primary key,
  description   text not null default '',
  is_qualifying boolean not null default false,
  happens_once  boolean not null default false,
  is_internal   boolean not null default false,
  is_on_boards  boolean not null default true,
  is_built_in   boolean not null default false,
  pays          integer,
  is_capped     boolean not null default false,
  feeds_metrics boolean not null default false,
  feeds_days    boolean not null default false,
  resets_runs   boolean not null default false,
  notifies      boolean not null default false,
  constraint pays_is_in_range check (pays between 0 and 1000000),
  constraint activity_type_key_is_a_slug check (key ~ '^[a-z0-9]+([-_.:][a-z0-9]+)*$'),
  constraint sizes_are_limited check (length(key) <= 200 and length(description) <= 10000),
  constraint texts_are_canonical check (learn_internal.text_problem(description) is null)
);
comment on table learn.activity_types is
  'The kinds of facts. A product adds its own; Laurel''s own are named by its triggers.';
comment on column learn.activity_types.is_qualifying is
  'Makes the user''s local day an active one: a learning act.';
comment on column learn.activity_types.happens_once is
  'At most once per user and subject: record_activity() ignores a repeat.';
comment on column learn.activity_types.pays is
  'XP that a fact pays by the rule in xp_rules; null: there is none. This and the next four are kept '
  'by the triggers of xp_rules and metrics, so that the engine need not look there.';
comment on column learn.activity_types.is_capped is 'The rule that pays has a cap for the day.';
comment on column learn.activity_types.feeds_metrics is
  'Some metric counts, sums up, runs on or keeps the maximum of it.';
comment on column learn.activity_types.feeds_days is 'Some metric counts its days.';
comment on column learn.activity_types.resets_runs is 'It ends a run of some metric.';
comment on column learn.activity_types.is_internal is
  'Written by Laurel alone: record_activity() refuses it (LX010).';
comment on column learn.activity_types.is_on_boards is
  'Boards count the XP that it pays. That of rewards for ranks they do not: it would decide the next ones.';
comment on column learn.activity_types.is_built_in is
  'Laurel''s own, which its triggers write: it keeps its key, and whether it happens once and is internal (LX010).';
comment on column learn.activity_types.notifies is
  'An active rule in notification_rules reports it to users. Kept by the triggers of that table.';
grant select on learn.activity_types to learn_app, learn_readonly;

insert into learn.activity_types (key, description, is_qualifying, happens_once, is_internal) values
  ('user_registered', 'The user''s account was made.', false, true, true),
  ('lesson_started', 'The user started a lesson.', true, true, false),
  ('lesson_completed', 'The user completed a lesson.', true, true, false),
  ('lesson_perfect', 'The user completed a lesson without a fault.', true, true, false),
  ('lesson_repeated', 'The user completed a lesson again.', true, false, false),
  ('done_before', 'The user did under another account, merged since, what had been done before.', true, false, true),
  ('track_completed', 'The user completed every item of a track.', true, true, false),
  ('difficulty_completed', 'The user completed every track of a difficulty.', true, true, false),
  ('path_completed', 'The user completed every track of a learning path.', true, true, false),
  ('achievement_earned', 'The user earned an achievement.', false, false, true),
  ('achievement_revoked', 'An achievement was taken away from the user.', false, false, true),
  ('level_reached', 'The user reached a level for the first time.', false, true, true),
  ('xp_awarded', 'XP was awarded by award_xp().', false, false, true),
  ('xp_reversed', 'XP was taken back by reverse_xp().', false, false, true),
  ('period_rewarded', 'The user''s rank on a board of a finished period was rewarded.', false, false, true),
  ('period_reward_reversed', 'Such a reward was taken back by reverse_xp().', false, false, true),
  ('streak_freeze_granted', 'The user was given a streak freeze.', false, false, true),
  ('streak_freeze_earned', 'The user''s streak earned a freeze.', false, false, true),
  ('streak_freeze_used', 'A freeze covered a missed day.', false, false, true);
update learn.activity_types set is_on_boards = false
where key in ('period_rewarded', 'period_reward_reversed');

create table learn.activity_log (
  user_id         uuid not null references learn.users on delete cascade,
  id              bigint generated always as identity,
  activity_type   learn.label not null,
  subject_type    learn.label,
  subject_id      learn.reference,
  properties      learn.properties not null default '{}',
  xp              integer,
  occurred_at     timestamptz not null default learn.clock(),
  local_date      date not null,
  zone_number     integer not null default 0,
  is_qualifying   boolean not null,
  recorded_at     timestamptz not null default learn.clock(),
  idempotency_key learn.label,
  primary key (user_id, id, recorded_at)
) partition by range (recorded_at);
comment on table learn.activity_log is
  'What happened: append-only (LX009), partitioned by month of recorded_at. A row that is inserted '
  'moves the streak, pays XP, counts in metrics and earns achievements in the same statement. '
  'The engine refuses malformed ones (LX001).';
comment on column learn.activity_log.properties is 'A JSON object, which the engine makes sure of.';
comment on column learn.activity_log.subject_type is
  'What kind of thing the fact is about; null: about none, and so is subject_id.';
comment on column learn.activity_log.activity_type is
  'A row of activity_types, which the engine makes sure of: no foreign key, because it would be asked '
  'for every fact.';
comment on column learn.activity_log.subject_id is 'Id or slug of what the fact is about, as text.';
comment on column learn.activity_log.xp is
  'XP that the fact itself carries; null: what xp_rules pays for its type.';
comment on column learn.activity_log.occurred_at is
  'When it happened; recorded_at is when Laurel heard of it.';
comment on column learn.activity_log.local_date is
  'The user''s local date at occurred_at, by the zone of then. A later change of timezone leaves it.';
comment on column learn.activity_log.zone_number is
  'The zone of then: users.zone_number, or a row of user_timezones.';
comment on column learn.activity_log.is_qualifying is
  'Whether the activity type made a day active when this was recorded.';
grant select on learn.activity_log to learn_app, learn_readonly;

create table learn.activity_log_default partition of learn.activity_log default;
comment on table learn.activity_log_default is
  'Facts of months without a partition of their own; ensure_partitions() moves them into one.';
grant select on learn.activity_log_default to learn_app, learn_readonly;

create table learn_internal.recorded_subjects (
  user_id       uuid not null references learn.users on delete cascade,
  activity_type text not null,
  subject_type  text not null,
  subject_id    text not null,
  primary key (user_id, activity_type, subject_type, subject_id)
);
comment on table learn_internal.recorded_subjects is
  'The memory of facts that happen once per subject, so that a repeat is known without a scan of the log: '
  'those from outside, those that no table''s key tells, and those of rows that have been deleted. What '
  'the keys of Laurel''s own tables say has no row here.';

create table learn_internal.withdrawn_facts (
  user_id       uuid not null references learn.users on delete cascade,
  fact_id       bigint not null,
  is_taken_back boolean not null default false,
  withdrawn_at  timestamptz not null default learn.clock(),
  primary key (user_id, fact_id)
);
comment on table learn_internal.withdrawn_facts is
  'Facts of activity_log that turned out not to hold, such as answers graded by a wrong key: metrics '
  'count them no more. What they paid stays, but where it was taken back.';

create table learn_internal.recorded_payments (
  user_id       uuid not null references learn.users on delete cascade,
  activity_type text not null references learn.activity_types on update cascade on delete cascade,
  opened_at     timestamptz not null,
  facts         integer not null,
  primary key (user_id, activity_type)
);
comment on table learn_internal.recorded_payments is
  'How many facts of a type that pays a backend has recorded for a user on the last day that it did: those '
  'beyond the setting recorded_payments_per_day pay nothing. The day began with the first, opened_at: see is_over().';
create index recorded_payments_activity_type on learn_internal.recorded_payments (activity_type);

create table learn.metrics (
  key                 text primary key,
  activity_type       text references learn.activity_types on update cascade,
  aggregate           text not null default 'count',
  property            text,
  filter              jsonb not null default '{}',
  scope_property      text,
  reset_activity_type text references learn.activity_types on update cascade,
  reset_filter        jsonb not null default '{}',
  description         text not null default '',
  is_board            boolean not null default false,
  defined_at          timestamptz not null default learn.clock(),
  constraint metric_key_is_a_slug check (key ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint aggregate_is_known check (
    aggregate in ('count', 'sum', 'max', 'distinct_days', 'run', 'stat')),
  constraint stats_come_from_user_stats check (
    (aggregate = 'stat') = (activity_type is null)
    and (aggregate <> 'stat' or key in ('xp', 'level_reached', 'current_streak', 'longest_streak', 'active_days'))),
  constraint sums_and_maxima_name_a_property check (
    (aggregate in ('sum', 'max')) = (property is not null)),
  constraint runs_have_a_reset check ((aggregate = 'run') = (reset_activity_type is not null)),
  constraint filters_are_objects check (
    jsonb_typeof(filter) = 'object' and jsonb_typeof(reset_filter) = 'object'),
  constraint sizes_are_limited check (
    length(key) <= 200 and length(property) <= 200 and pg_column_size(filter) <= 65536
    and length(scope_property) <= 200 and pg_column_size(reset_filter) <= 65536
    and length(description) <= 10000),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(property, true), learn_internal.text_problem(scope_property, true),
    learn_internal.text_problem(description)) is null)
);
comment on table learn.metrics is
  'What is counted per user. count: facts; sum and max: of a number in properties; '
  'distinct_days: local days; run: facts since the last reset; '
  'stat: a column of user_stats (kept there, not in user_metrics).';
comment on column learn.metrics.filter is 'Only facts whose properties contain this count.';
comment on column learn.metrics.scope_property is
  'Property whose value is a scope: the metric is kept in total (scope '''') and once per value.';
comment on column learn.metrics.reset_activity_type is
  'For runs: a fact of this type, with reset_filter, ends the run.';
comment on column learn.metrics.defined_at is
  'When the metric was defined as it is. Its values are recounted then.';
comment on column learn.metrics.is_board is 'May be asked for as a leaderboard.';
create index metrics_activity_type on learn.metrics (activity_type);
create index metrics_reset_activity_type on learn.metrics (reset_activity_type);
grant select on learn.metrics to learn_app, learn_readonly;

create table learn_internal.metric_feeds (
  activity_type  text not null
    references learn.activity_types on update cascade on delete cascade,
  metric         text not null references learn.metrics on update cascade on delete cascade,
  is_scoped      boolean not null,
  aggregate      text not null,
  property       text,
  filter         jsonb not null,
  scope_property text,
  is_board       boolean not null default false,
  primary key (activity_type, metric, is_scoped)
);
comment on table learn_internal.metric_feeds is
  'What facts of a type add to: a row for each metric that they feed, and one more for its scopes. '
  'Kept by the triggers of metrics. Metrics of distinct days are not here.';
comment on column learn_internal.metric_feeds.is_board is
  'Whether what it adds counts on boards too: of metrics with boards, the total, no scope.';
create index metric_feeds_metric on learn_internal.metric_feeds (metric);

create table learn.user_metrics (
  user_id uuid not null references learn.users on delete cascade,
  metric  text not null references learn.metrics on delete cascade,
  scope   learn.label not null default '',
  value   bigint not null default 0,
  primary key (user_id, metric, scope)
) with (fillfactor = 70);
comment on table learn.user_metrics is
  'Value of each metric for each user and scope: a projection of activity_log.';
create index user_metrics_metric on learn.user_metrics (metric, scope, user_id);
grant select on learn.user_metrics to learn_app, learn_readonly;

create table learn_internal.user_runs (
  user_id  uuid not null references learn.users on delete cascade,
  metric   text not null references learn.metrics on delete cascade,
  scope    text not null,
  reset_at timestamptz,
  last_at  timestamptz,
  primary key (user_id, metric, scope)
);
comment on table learn_internal.user_runs is
  'When a run was ended last and when it was last made longer, by the times of the facts: so that what comes '
  'late counts in its place. The run itself is in user_metrics.';
create index user_runs_metric on learn_internal.user_runs (metric, user_id);

create table learn_internal.user_metric_days (
  user_id       uuid not null references learn.users on delete cascade,
  metric        text not null references learn.metrics on delete cascade,
  scope         text not null,
  activity_date date not null,
  zone_number   integer not null default 0,
  primary key (user_id, metric, scope, activity_date)
);
comment on table learn_internal.user_metric_days is
  'The days that a distinct_days metric has counted already, and by which of the learner''s zones.';
create index user_metric_days_metric on learn_internal.user_metric_days (metric, user_id);

-- ── xp ───────────────────────────────────────────────────────────────────────────────────────────

create table learn.xp_rules (
  activity_type text primary key
    references learn.activity_types on update cascade on delete cascade,
  amount        integer not null,
  daily_cap     integer,
  constraint amount_is_in_range check (amount between 0 and 1000000),
  constraint daily_cap_is_in_range check (daily_cap between 0 and 1000000000)
);
comment on table learn.xp_rules is
  'XP that a fact of a type pays, unless the fact carries an amount of its own.';
comment on column learn.xp_rules.daily_cap is
  'At most this much XP per user and day from this type; null: no cap. The day is the learner''s, by '
  'the clock: facts that come late use up today''s.';
grant select on learn.xp_rules to learn_app, learn_readonly;

create table learn.xp_transactions (
  user_id       uuid not null references learn.users on delete cascade,
  id            bigint generated always as identity,
  amount        learn.difference not null,
  activity_type learn.label not null,
  source_type   learn.label not null,
  source_id     learn.reference,
  description   learn.remark,
  earned_on     date not null,
  created_at    timestamptz not null default learn.clock(),
  primary key (user_id, created_at, id)
) partition by range (created_at);
comment on table learn.xp_transactions is
  'The ledger: append-only (LX009), partitioned by month of created_at. '
  'user_stats.total_xp is its sum.';
comment on column learn.xp_transactions.activity_type is
  'The type of the fact that paid, which the log has checked.';
comment on column learn.xp_transactions.source_type is
  'Activity type that paid, or what award_xp() was given; reversal for a row that takes XP back.';
comment on column learn.xp_transactions.earned_on is
  'The user''s local date of the fact that paid.';
grant select on learn.xp_transactions to learn_app, learn_readonly;

create table learn.xp_transactions_default partition of learn.xp_transactions default;
comment on table learn.xp_transactions_default is
  'Ledger rows of months without a partition of their own; ensure_partitions() '
  'moves them into one.';
grant select on learn.xp_transactions_default to learn_app, learn_readonly;

create table learn_internal.archived_facts (
  user_id         uuid not null references learn.users on delete cascade,
  year            integer not null,
  id              bigint[] not null,
  activity_type   text[] not null,
  subject_type    text[] not null,
  subject_id      text[] not null,
  properties      jsonb[] not null,
  xp              integer[] not null,
  occurred_at     timestamptz[] not null,
  local_date      date[] not null,
  zone_number     integer[] not null,
  is_qualifying   boolean[] not null,
  recorded_at     timestamptz[] not null,
  idempotency_key text[] not null,
  primary key (user_id, year),
  constraint columns_are_of_one_length check (
    cardinality(id) > 0 and cardinality(id) = all (array[
      cardinality(activity_type), cardinality(subject_type), cardinality(subject_id), cardinality(properties),
      cardinality(xp), cardinality(occurred_at), cardinality(local_date), cardinality(zone_number),
      cardinality(is_qualifying), cardinality(recorded_at), cardinality(idempotency_key)]))
);
comment on table learn_internal.archived_facts is
  'Facts that archive_before() has taken out of activity_log: one row per learner and year of recording (UTC), column '
  'by column as there. Read them as learn_internal.all_facts.';
comment on column learn_internal.archived_facts.recorded_at is 'Null where it is occurred_at, which takes no room.';

create table learn_internal.archived_payments (
  user_id       uuid not null references learn.users on delete cascade,
  year          integer not null,
  id            bigint[] not null,
  amount        integer[] not null,
  activity_type text[] not null,
  source_type   text[] not null,
  source_id     text[] not null,
  description   text[] not null,
  earned_on     date[] not null,
  created_at    timestamptz[] not null,
  primary key (user_id, year),
  constraint columns_are_of_one_length check (
    cardinality(id) > 0 and cardinality(id) = all (array[
      cardinality(amount), cardinality(activity_type), cardinality(source_type), cardinality(source_id),
      cardinality(description), cardinality(earned_on), cardinality(created_at)]))
);
comment on table learn_internal.archived_payments is
  'Rows that archive_before() has taken out of xp_transactions: one per learner and year (UTC), column by column as '
  'there. Read them as learn_internal.all_payments.';

create table learn.level_thresholds (
  level  integer primary key,
  min_xp bigint not null,
  -- checked once per statement
  constraint level_thresholds_min_xp_is_unique unique (min_xp) deferrable,
  constraint level_is_in_range check (level between 1 and 10000),
  constraint min_xp_is_in_range check (min_xp between 0 and 1000000000000000)
);
comment on table learn.level_thresholds is
  'The level curve: total XP from which a user is on a level. Level 1 starts at 0.';
grant select on learn.level_thresholds to learn_app, learn_readonly;

-- 100 × L × (L − 1) / 2 for level L: 0, 100, 300, 600 …; the last row is the highest
-- level there is.
insert into learn.level_thresholds (level, min_xp)
select l, 50 * l::bigint * (l - 1) from generate_series(1, 100) l;

create table learn_internal.xp_marks (
  xp bigint primary key
);
comment on table learn_internal.xp_marks is
  'Totals of XP at which something happens: a level begins or an achievement asks for them. '
  'Kept by triggers, so that the engine need look in one place to see that nothing does.';

insert into learn_internal.xp_marks (xp) select t.min_xp from learn.level_thresholds t;

-- ── streaks ──────────────────────────────────────────────────────────────────────────────────────

create table learn.user_activity_days (
  user_id       uuid not null references learn.users on delete cascade,
  activity_date date not null,
  is_freeze     boolean not null default false,
  flown_over    learn.quantity not null default 0,
  primary key (user_id, activity_date)
);
comment on table learn.user_activity_days is
  'The user''s local days with a qualifying activity, and the missed days that '
  'a freeze covers (is_freeze).';
comment on column learn.user_activity_days.flown_over is
  'Dates before it that were missed by its own zone but not by that of the active day before: who flies east '
  'over a date has not missed it.';
grant select on learn.user_activity_days to learn_app, learn_readonly;

create table learn_internal.local_days (
  user_id     uuid not null references learn.users on delete cascade,
  zone_number integer not null,
  local_date  date not null,
  first_at    timestamptz,
  last_at     timestamptz,
  is_active   boolean not null default false,
  primary key (user_id, zone_number, local_date)
);
comment on table learn_internal.local_days is
  'Of learners who have learned in several zones: the local dates of their learning acts, zone by zone. Which of '
  'them are active days says chain_days(). A date of one zone may be none, so that hopping makes no extra day.';
comment on column learn_internal.local_days.first_at is
  'The first act on this date. Where it does not matter, because the zone has long been settled, it may be a later '
  'one, and in the first zone null.';
comment on column learn_internal.local_days.last_at is 'The last one, likewise.';

create type learn_internal.local_date as (local_date date, zone_number integer);
create type learn_internal.chained_day as (activity_date date, zone_number integer, flown_over integer);
comment on type learn_internal.chained_day is 'An active day, by which zone, and how many dates were flown over.';

comment on type learn_internal.local_date is 'A learner''s date, and the zone that says so.';

create table learn.streak_freezes (
  user_id    uuid not null references learn.users on delete cascade,
  id         bigint generated always as identity,
  granted_on date not null,
  used_on    date,
  is_earned  boolean not null default false,
  primary key (user_id, id),
  constraint streak_freezes_cover_one_day_each unique (user_id, used_on),
  constraint freezes_cover_no_day_before_they_are_held check (used_on >= granted_on)
);
comment on table learn.streak_freezes is
  'One row per freeze a user was granted or earned. used_on is the missed day that it covers; '
  'null: still held. user_stats.streak_freezes counts those held.';
comment on column learn.streak_freezes.used_on is
  'Follows from the active days and the freezes, in whatever order they came in.';
comment on column learn.streak_freezes.is_earned is 'Earned by a streak, not granted.';
grant select on learn.streak_freezes to learn_app, learn_readonly;

-- ── catalog ──────────────────────────────────────────────────────────────────────────────────────

-- functions/catalog/is_translations.sql

-- Whether a document holds translations: {"fil": {"title": "…", "description": "…"}, …}, of texts as
-- people see them.
create or replace function learn_internal.is_translations(p_translations jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_typeof(p_translations) = 'object'
    and not jsonb_path_exists(p_translations, 'strict $.* ? (@.type() != "object")')
    and not jsonb_path_exists(p_translations, 'strict $.*.* ? (@.type() != "string")')
    and not exists (
      select from jsonb_path_query(p_translations, 'strict $.*.keyvalue()') e
      where learn_internal.text_problem(
        e ->> 'value', e ->> 'key' in ('title', 'name')) is not null);
$$;
comment on function learn_internal.is_translations(jsonb) is
  'Whether a document holds translations: texts by field by language tag.';

-- functions/catalog/is_result.sql

-- Whether a document is the result of a query: {"columns": ["name"], "rows": [["pen"], …]}, as many values in
-- each row as there are columns, none of them a list or an object; "is_ordered" is true or false.
create or replace function learn_internal.is_result(p_result jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select p_result is null or case
    when jsonb_typeof(p_result) = 'object' and jsonb_typeof(p_result -> 'columns') = 'array'
      and jsonb_typeof(p_result -> 'rows') = 'array'
    then p_result - '{columns,rows,is_ordered}'::text[] = '{}'
      and coalesce(jsonb_typeof(p_result -> 'is_ordered'), 'boolean') = 'boolean'
      and jsonb_array_length(p_result -> 'columns') > 0
      and not jsonb_path_exists(p_result, 'strict $.columns[*] ? (@.type() != "string")')
      and not jsonb_path_exists(p_result, 'strict $.rows[*] ? (@.type() != "array")')
      and not jsonb_path_exists(p_result, 'strict $.rows[*][*] ? (@.type() == "array" || @.type() == "object")')
      and not jsonb_path_exists(p_result, 'strict $.rows[*] ? (@.size() != $n)',
        jsonb_build_object('n', jsonb_array_length(p_result -> 'columns')))
    else false
  end;
$$;
comment on function learn_internal.is_result(jsonb) is
  'Whether a document is the result of a query: columns and rows of as many values.';

create table learn.difficulties (
  key           text primary key,
  rank          integer not null,
  xp_multiplier numeric(6, 2) not null default 1,
  constraint difficulty_key_is_a_slug check (key ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint xp_multiplier_is_in_range check (xp_multiplier between 0 and 100),
  constraint sizes_are_limited check (length(key) <= 200)
);
comment on table learn.difficulties is
  'Difficulties of tracks, courses, lessons and challenges, with what they multiply XP by. easy, medium and hard '
  'are tiers: of lessons only.';
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
  constraint title_is_not_blank check (title ~ '\S'),
  constraint sizes_are_limited check (
    length(slug) <= 200 and length(title) <= 300 and length(description) <= 10000),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(title, true), learn_internal.text_problem(description)) is null)
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
  total_items     integer not null default 0,
  created_at      timestamptz not null default learn.clock(),
  updated_at      timestamptz not null default learn.clock(),
  constraint tracks_slug_is_unique unique (slug),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint difficulty_is_no_tier check (difficulty not in ('easy', 'medium', 'hard')),
  constraint estimated_hours_are_in_range check (estimated_hours between 0.01 and 9999.99),
  constraint completion_xp_is_in_range check (completion_xp between 0 and 1000000),
  constraint total_items_are_not_negative check (total_items >= 0),
  constraint sizes_are_limited check (
    length(slug) <= 200 and length(title) <= 300 and length(description) <= 10000),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(title, true), learn_internal.text_problem(description)) is null)
);
comment on column learn.tracks.total_items is
  'How many items there are to complete. Kept by triggers of what tracks consist of.';
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

create table learn.courses (
  id              bigint generated always as identity primary key,
  slug            text not null,
  track_id        bigint references learn.tracks on delete set null,
  title           text not null,
  description     text not null default '',
  category        text not null default '',
  language        text not null default '',
  difficulty      text not null default 'beginner' references learn.difficulties on update cascade,
  estimated_hours numeric(6, 2),
  icon_url        text,
  color           text,
  position        integer not null default 0,
  completion_xp   integer not null default 0,
  translations    jsonb not null default '{}',
  is_published    boolean not null default true,
  is_featured     boolean not null default false,
  total_lessons   integer not null default 0,
  total_levels    integer not null default 0,
  total_weight    numeric(12, 2) not null default 0,
  created_at      timestamptz not null default learn.clock(),
  updated_at      timestamptz not null default learn.clock(),
  constraint courses_slug_is_unique unique (slug),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint difficulty_is_no_tier check (difficulty not in ('easy', 'medium', 'hard')),
  constraint estimated_hours_are_in_range check (estimated_hours between 0.01 and 9999.99),
  constraint completion_xp_is_in_range check (completion_xp between 0 and 1000000),
  constraint total_weight_is_finite check (total_weight between 0 and 9999999999.99),
  constraint translations_are_texts check (learn_internal.is_translations(translations)),
  constraint sizes_are_limited check (
    length(slug) <= 200 and length(title) <= 300 and length(description) <= 10000
    and length(category) <= 100 and length(language) <= 100 and length(icon_url) <= 2000
    and length(color) <= 100 and pg_column_size(translations) <= 262144),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(title, true), learn_internal.text_problem(description),
    learn_internal.text_problem(category, true), learn_internal.text_problem(language, true),
    learn_internal.text_problem(icon_url, true), learn_internal.text_problem(color, true)) is null)
);
comment on table learn.courses is
  'A course of lessons, directly or in levels. Completed when all its published levels are '
  '(lessons, where it has no levels). Can be an item of a track.';
comment on column learn.courses.track_id is 'The track of which the course is an item.';
comment on column learn.courses.language is
  'What the course teaches or is taught in, such as python; for clients to filter by.';
comment on column learn.courses.completion_xp is 'XP for completing the course.';
comment on column learn.courses.translations is
  '{"fil": {"title": "…", "description": "…"}}: read with learn.localized().';
comment on column learn.courses.total_lessons is
  'Published lessons. This and the next two are kept by triggers.';
comment on column learn.courses.total_levels is 'Published levels with a published lesson.';
comment on column learn.courses.total_weight is
  'Sum of the XP multipliers of the published lessons: what mastery is measured by.';
create index courses_track on learn.courses (track_id, difficulty, category);
create index courses_difficulty on learn.courses (difficulty, category);
grant select on learn.courses to learn_app, learn_readonly;

create table learn.course_prerequisites (
  course_id              bigint not null references learn.courses on delete cascade,
  prerequisite_course_id bigint not null references learn.courses on delete cascade,
  is_required            boolean not null default true,
  primary key (course_id, prerequisite_course_id),
  constraint course_is_not_its_own_prerequisite check (course_id <> prerequisite_course_id)
);
comment on table learn.course_prerequisites is
  'Courses to complete before another. A cycle is refused (LX012).';
comment on column learn.course_prerequisites.is_required is
  'True: enrolment waits for it (LX006). False: it is recommended.';
create index course_prerequisites_prerequisite
  on learn.course_prerequisites (prerequisite_course_id);
grant select on learn.course_prerequisites to learn_app, learn_readonly;

create table learn.course_levels (
  id           bigint generated always as identity primary key,
  course_id    bigint not null references learn.courses on delete cascade,
  slug         text not null,
  title        text not null,
  description  text not null default '',
  position     integer not null default 0,
  translations jsonb not null default '{}',
  is_published boolean not null default true,
  created_at   timestamptz not null default learn.clock(),
  updated_at   timestamptz not null default learn.clock(),
  constraint course_levels_slug_is_unique unique (course_id, slug),
  constraint course_levels_course_is_unique unique (id, course_id),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint translations_are_texts check (learn_internal.is_translations(translations)),
  constraint sizes_are_limited check (
    length(slug) <= 200 and length(title) <= 300 and length(description) <= 10000
    and pg_column_size(translations) <= 262144),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(title, true), learn_internal.text_problem(description)) is null)
);
comment on table learn.course_levels is
  'A chapter of a course, in order of position (then id). Completing one unlocks the next.';
create index course_levels_position on learn.course_levels (course_id, position, id);
grant select on learn.course_levels to learn_app, learn_readonly;

create table learn.lessons (
  id                 bigint generated always as identity primary key,
  slug               text not null,
  course_id          bigint references learn.courses on delete cascade,
  course_level_id    bigint,
  title              text not null,
  lesson_type        text not null default 'text',
  content            jsonb not null default '{}',
  difficulty         text references learn.difficulties on update cascade,
  tier               text not null generated always as (coalesce(difficulty, '')) stored,
  sequence_number    integer,
  xp_reward          integer,
  time_limit_seconds integer,
  time_limit_is_hard boolean not null default false,
  pass_score         numeric(5, 2),
  estimated_minutes  integer,
  translations       jsonb not null default '{}',
  is_published       boolean not null default true,
  is_available       boolean not null default true,
  created_at         timestamptz not null default learn.clock(),
  updated_at         timestamptz not null default learn.clock(),
  constraint lessons_slug_is_unique unique (slug),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint lesson_type_is_not_blank check (lesson_type ~ '\S'),
  constraint xp_reward_is_in_range check (xp_reward between 0 and 1000000),
  constraint time_limit_is_in_range check (time_limit_seconds between 1 and 31536000),
  constraint hard_limits_are_limits check (
    not time_limit_is_hard or time_limit_seconds is not null),
  constraint pass_score_is_a_percentage check (pass_score between 0 and 100),
  constraint estimated_minutes_are_in_range check (estimated_minutes between 1 and 1000000),
  constraint translations_are_texts check (learn_internal.is_translations(translations)),
  constraint level_lessons_have_a_course check (course_level_id is null or course_id is not null),
  constraint lessons_course_level_fkey foreign key (course_level_id, course_id)
    references learn.course_levels (id, course_id) on update cascade on delete cascade,
  constraint lessons_sequence_is_unique unique (course_id, sequence_number)
    deferrable initially immediate,
  constraint lessons_tier_is_unique unique (course_level_id, tier)
    deferrable initially immediate,
  constraint sizes_are_limited check (
    length(slug) <= 200 and length(title) <= 300 and length(lesson_type) <= 100
    and pg_column_size(content) <= 1048576 and pg_column_size(translations) <= 262144),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(title, true),
    learn_internal.text_problem(lesson_type, true)) is null)
);
comment on table learn.lessons is
  'A lesson with 0..n exercises. One with published exercises completes by itself '
  'when all of them are solved.';
comment on column learn.lessons.xp_reward is
  'XP for completing the lesson before the difficulty''s multiplier; null: '
  'what xp_rules pays for lesson_completed.';
comment on column learn.lessons.time_limit_seconds is
  'For clients to show; see time_limit_is_hard.';
comment on column learn.lessons.time_limit_is_hard is
  'True: an attempt that took longer than time_limit_seconds completes nothing; its time is kept.';
comment on column learn.lessons.pass_score is
  'Score, in percent, from which a lesson without exercises is completed; a lower one is kept, and completes '
  'nothing. Null: any.';
comment on column learn.lessons.course_id is
  'The course that the lesson belongs to; filled in where only course_level_id is given.';
comment on column learn.lessons.course_level_id is
  'The level of the course, at most one lesson for each difficulty, and one without; null: directly in the course.';
comment on column learn.lessons.tier is 'The difficulty, empty where there is none: what a level has one lesson of.';
comment on column learn.lessons.sequence_number is
  'Place in the course, 1 first; unique in it. For clients to order by.';
comment on column learn.lessons.is_available is
  'Published, and so are its level and course: what learners can complete. Kept by triggers.';
comment on column learn.lessons.translations is
  '{"fil": {"title": "…"}}: read with learn.localized().';
create unique index lessons_without_tier_are_unique on learn.lessons (course_level_id)
  where difficulty is null;
create index lessons_difficulty on learn.lessons (difficulty);
create index lessons_course_level on learn.lessons (course_level_id, course_id);
create index lessons_content on learn.lessons using gin (content jsonb_path_ops);
grant select on learn.lessons to learn_app, learn_readonly;

create table learn.exercises (
  id              bigint generated always as identity primary key,
  lesson_id       bigint not null references learn.lessons on delete cascade,
  position        integer not null default 0,
  prompt          text not null default '',
  schema_sql      text,
  solution        text,
  expected_result jsonb,
  hints           jsonb not null default '[]',
  is_published    boolean not null default true,
  created_at      timestamptz not null default learn.clock(),
  constraint texts_are_not_blank check (schema_sql ~ '\S' and solution ~ '\S'),
  constraint expected_result_is_a_table check (learn_internal.is_result(expected_result)),
  constraint hints_are_texts check (
    jsonb_typeof(hints) = 'array' and not jsonb_path_exists(hints, 'strict $[*] ? (@.type() != "string")')),
  constraint sizes_are_limited check (
    length(prompt) <= 100000 and length(schema_sql) <= 1000000 and length(solution) <= 100000
    and pg_column_size(expected_result) <= 1048576 and pg_column_size(hints) <= 262144),
  constraint texts_are_canonical check (learn_internal.text_problem(prompt) is null)
);
comment on table learn.exercises is 'A problem of a lesson, solved by a correct query submission.';
comment on column learn.exercises.schema_sql is
  'The tables to query and their rows: statements to run before the learner''s query, in a place of its own.';
comment on column learn.exercises.solution is
  'A query that is correct. Readable by no app role: exercise_solution() gives it to who has solved the exercise.';
comment on column learn.exercises.expected_result is
  '{"columns": ["name", "price"], "rows": [["pen", 2]], "is_ordered": false}: what a correct query returns; '
  'is_ordered: in this order.';
comment on column learn.exercises.hints is
  '["…", "…"], from vague to plain. Readable by no app role: exercise_hints() gives one for each wrong submission.';
create index exercises_lesson on learn.exercises (lesson_id) where is_published;
create index exercises_lesson_position on learn.exercises (lesson_id, position);
grant select (id, lesson_id, position, prompt, schema_sql, expected_result, is_published, created_at)
  on learn.exercises to learn_app, learn_readonly;

create table learn.track_lessons (
  track_id  bigint not null references learn.tracks on delete cascade,
  lesson_id bigint not null references learn.lessons on delete cascade,
  position  integer not null default 0,
  primary key (track_id, lesson_id)
);
comment on table learn.track_lessons is 'The lessons of a track, in order of position.';
create index track_lessons_lesson on learn.track_lessons (lesson_id);
grant select on learn.track_lessons to learn_app, learn_readonly;

create table learn.course_ratings (
  user_id    uuid not null references learn.users on delete cascade,
  course_id  bigint not null references learn.courses on delete cascade,
  rating     integer not null,
  review     text,
  created_at timestamptz not null default learn.clock(),
  updated_at timestamptz not null default learn.clock(),
  primary key (user_id, course_id),
  constraint rating_is_one_to_five check (rating between 1 and 5),
  constraint review_is_not_blank check (review ~ '\S' and length(review) <= 10000),
  constraint texts_are_canonical check (learn_internal.text_problem(review) is null)
);
comment on table learn.course_ratings is 'Ratings of courses by users who are enrolled, 1 to 5.';
create index course_ratings_course on learn.course_ratings (course_id, user_id, rating);
grant select on learn.course_ratings to learn_app, learn_readonly;

-- ── progress ─────────────────────────────────────────────────────────────────────────────────────

create table learn.user_lesson_progress (
  user_id            uuid not null references learn.users on delete cascade,
  lesson_id          bigint not null references learn.lessons on delete cascade,
  status             learn.progress_status not null default 'not_started',
  score              learn.percentage,
  time_spent_seconds learn.quantity,
  started_at         timestamptz,
  completed_at       timestamptz,
  primary key (user_id, lesson_id)
) with (fillfactor = 90);
comment on table learn.user_lesson_progress is
  'Where a user stands with a lesson. A row that becomes completed pays XP and moves tracks, '
  'however it is written.';
comment on column learn.user_lesson_progress.completed_at is
  'Sticky: never goes away, whatever happens to the content.';
comment on column learn.user_lesson_progress.score is 'Percent, 0 to 100.';
create index user_lesson_progress_lesson on learn.user_lesson_progress (lesson_id, user_id);
create index user_lesson_progress_recent
  on learn.user_lesson_progress (user_id, completed_at desc) where completed_at is not null;
grant select on learn.user_lesson_progress to learn_app, learn_readonly;

create table learn.user_track_progress (
  user_id             uuid not null references learn.users on delete cascade,
  track_id            bigint not null references learn.tracks on delete cascade,
  status              learn.progress_status not null default 'not_started',
  items_completed     learn.quantity not null default 0,
  total_items         integer not null,
  progress_percentage numeric(5, 2) not null default 0,
  completed_at        timestamptz,
  primary key (user_id, track_id)
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

create table learn.user_course_progress (
  user_id               uuid not null references learn.users on delete cascade,
  course_id             bigint not null references learn.courses on delete cascade,
  status                text not null generated always as (
    case when completed_at is not null then 'completed'
      when lessons_completed > 0 then 'in_progress' else 'not_started' end) stored,
  enrolled_at           timestamptz not null default learn.clock(),
  completed_at          timestamptz,
  lessons_completed     integer not null default 0,
  total_lessons         integer not null default 0,
  levels_completed      integer not null default 0,
  total_levels          integer not null default 0,
  weight_completed      numeric(12, 2) not null default 0,
  total_weight          numeric(12, 2) not null default 0,
  completion_percentage numeric(5, 2) not null generated always as (
    case when total_levels > 0 then round(100.0 * levels_completed / total_levels, 2)
      when total_lessons > 0 then round(100.0 * lessons_completed / total_lessons, 2)
      else 0 end) stored,
  mastery_percentage    numeric(5, 2) not null generated always as (
    case when total_weight > 0 then round(100.0 * weight_completed / total_weight, 2)
      else 0 end) stored,
  time_spent_seconds    bigint not null default 0,
  last_activity_at      timestamptz,
  preferred_difficulty  text references learn.difficulties on update cascade on delete set null,
  primary key (user_id, course_id),
  constraint lessons_completed_are_lessons check (
    lessons_completed between 0 and total_lessons),
  constraint levels_completed_are_levels check (levels_completed between 0 and total_levels),
  constraint weight_completed_is_weight check (weight_completed between 0 and total_weight),
  constraint total_weight_is_finite check (total_weight < 'Infinity'),
  constraint time_spent_is_not_negative check (time_spent_seconds >= 0)
) with (fillfactor = 70);
comment on table learn.user_course_progress is
  'An enrolment, and how far it has come: live numbers, a sticky completed_at. '
  'Inserting a row enrols: it checks prerequisites (LX006) and unlocks the first level.';
comment on column learn.user_course_progress.completion_percentage is
  'Completed of the published levels (lessons, where the course has no levels), in percent.';
comment on column learn.user_course_progress.mastery_percentage is
  'XP multipliers of the completed lessons, of those of all published lessons, in percent.';
comment on column learn.user_course_progress.weight_completed is
  'Sum of the XP multipliers of the completed lessons.';
comment on column learn.user_course_progress.time_spent_seconds is
  'Time spent in the lessons of the course, in seconds.';
comment on column learn.user_course_progress.preferred_difficulty is
  'The tier that the user has chosen for this course, by choose_difficulty(); null: none. It locks nothing.';
create index user_course_progress_course on learn.user_course_progress (course_id, user_id);
create index user_course_progress_preference on learn.user_course_progress (preferred_difficulty, user_id)
  where preferred_difficulty is not null;
grant select on learn.user_course_progress to learn_app, learn_readonly;

create table learn.user_level_unlocks (
  user_id         uuid not null references learn.users on delete cascade,
  id              bigint generated always as identity,
  course_level_id bigint not null references learn.course_levels on delete cascade,
  unlocked_at     timestamptz not null default learn.clock(),
  completed_at    timestamptz,
  primary key (user_id, course_level_id),
  constraint user_level_unlocks_id_is_unique unique (user_id, id)
) with (fillfactor = 80);
comment on table learn.user_level_unlocks is
  'Levels of courses that a user may work on. Unlocks and completions are sticky.';
comment on column learn.user_level_unlocks.id is 'Order of the unlocks.';
comment on column learn.user_level_unlocks.completed_at is
  'When the level was completed, by the setting level_completion_policy; null: not yet.';
create index user_level_unlocks_level on learn.user_level_unlocks (course_level_id, user_id);
grant select on learn.user_level_unlocks to learn_app, learn_readonly;

insert into learn.platform_settings (key, value, value_type, description) values
  ('level_completion_policy', '"any"', 'string',
    'A level of a course is completed when "any" of its published lessons is, or when "all" are.');

insert into learn.activity_types (key, description, is_qualifying, happens_once) values
  ('course_enrolled', 'The user enrolled in a course.', false, true),
  ('level_completed', 'The user completed a level of a course.', true, true),
  ('course_completed', 'The user completed a course.', true, true);

-- ── practice ─────────────────────────────────────────────────────────────────────────────────────

create table learn.query_submissions (
  user_id       uuid not null references learn.users on delete cascade,
  id            bigint generated always as identity,
  exercise_id   bigint not null references learn.exercises on delete cascade,
  query_text    learn.query_text not null,
  is_correct    boolean not null,
  error_message learn.query_error,
  duration_ms   learn.quantity,
  submitted_at  timestamptz not null default learn.clock(),
  primary key (user_id, id),
  constraint failing_query_is_not_correct check (error_message is null or not is_correct)
);
comment on table learn.query_submissions is
  'Every run of a query for an exercise. Solving all published exercises of a lesson completes it.';
comment on column learn.query_submissions.error_message is
  'Why the query did not execute; null: it did.';
comment on column learn.query_submissions.duration_ms is 'How long the query ran, in milliseconds.';
create index query_submissions_exercise on learn.query_submissions (exercise_id, user_id);
grant select on learn.query_submissions to learn_app, learn_readonly;

create table learn.user_exercise_progress (
  user_id            uuid not null references learn.users on delete cascade,
  exercise_id        bigint not null references learn.exercises on delete cascade,
  submissions        learn.quantity not null,
  wrong_submissions  learn.quantity not null,
  failed_submissions learn.quantity not null,
  is_first_try       boolean not null,
  solved_at          timestamptz,
  primary key (user_id, exercise_id)
) with (fillfactor = 80);
comment on table learn.user_exercise_progress is
  'What a user''s submissions for an exercise add up to.';
comment on column learn.user_exercise_progress.wrong_submissions is
  'Submissions that were not correct, failed ones included.';
comment on column learn.user_exercise_progress.failed_submissions is
  'Submissions that did not execute.';
comment on column learn.user_exercise_progress.is_first_try is 'The first submission was correct.';
create index user_exercise_progress_exercise on learn.user_exercise_progress (exercise_id, user_id);
grant select on learn.user_exercise_progress to learn_app, learn_readonly;

insert into learn.activity_types (key, description, is_qualifying, happens_once) values
  ('exercise_attempted', 'The user ran a query for an exercise.', true, false),
  ('exercise_solved', 'The user solved an exercise for the first time.', true, true),
  ('exercise_solved_first_try',
    'The user solved an exercise with the first submission.', true, true);

-- ── achievements ─────────────────────────────────────────────────────────────────────────────────

create table learn.avatars (
  id            bigint generated always as identity primary key,
  slug          text not null,
  name          text not null,
  description   text not null default '',
  image_url     text not null,
  rarity        text not null default 'common',
  is_default    boolean not null default false,
  display_order integer not null default 0,
  constraint avatars_slug_is_unique unique (slug),
  constraint avatars_name_is_unique unique (name),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint rarity_is_known check (rarity in ('common', 'rare', 'epic', 'legendary')),
  constraint sizes_are_limited check (
    length(slug) <= 200 and length(name) <= 300 and length(description) <= 10000
    and length(image_url) <= 2000),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(name, true), learn_internal.text_problem(description),
    learn_internal.text_problem(image_url, true)) is null)
);
comment on table learn.avatars is
  'Pictures a user may select: default ones belong to everyone, others are unlocked.';
grant select on learn.avatars to learn_app, learn_readonly;

create table learn.achievements (
  id                  bigint generated always as identity primary key,
  slug                text not null,
  name                text not null,
  description         text not null default '',
  icon                text,
  category            text not null default 'general',
  system              text not null default 'core',
  rarity              text not null default 'common',
  criteria            jsonb not null,
  xp_reward           integer not null default 0,
  unlocks_avatar_id   bigint references learn.avatars on delete set null,
  translations        jsonb not null default '{}',
  display_order       integer not null default 0,
  is_hidden           boolean not null default false,
  is_active           boolean not null default true,
  criteria_changed_at timestamptz not null default learn.clock(),
  created_at          timestamptz not null default learn.clock(),
  constraint achievements_slug_is_unique unique (slug),
  constraint achievements_name_is_unique unique (system, name),
  constraint translations_are_texts check (learn_internal.is_translations(translations)),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint name_is_not_blank check (name ~ '\S'),
  constraint rarity_is_known check (rarity in ('common', 'rare', 'epic', 'legendary')),
  constraint xp_reward_is_in_range check (xp_reward between 0 and 1000000),
  constraint sizes_are_limited check (
    length(slug) <= 200 and length(name) <= 300 and length(description) <= 10000
    and length(icon) <= 2000 and length(category) <= 100 and length(system) <= 100
    and pg_column_size(criteria) <= 65536 and pg_column_size(translations) <= 262144),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(name, true), learn_internal.text_problem(description),
    learn_internal.text_problem(icon, true), learn_internal.text_problem(category, true),
    learn_internal.text_problem(system, true)) is null)
);
comment on table learn.achievements is
  'Badges. A new one applies to what happens from then on; backfill_achievement() '
  'grants it for what has happened.';
comment on column learn.achievements.criteria is
  '{"metric": m, "scope": s?, "at_least": n} | {"all": [c…]} | {"any": [c…]} | '
  '{"at_least": k, "of": [c…]}; anything else is refused (LX011).';
comment on column learn.achievements.system is 'The product that it belongs to, or core.';
comment on column learn.achievements.translations is
  '{"fil": {"name": "…", "description": "…"}}: read with learn.localized().';
comment on column learn.achievements.is_hidden is 'Shown to a user only once earned.';
create index achievements_unlocks_avatar on learn.achievements (unlocks_avatar_id)
  where unlocks_avatar_id is not null;
create index achievements_criteria on learn.achievements using gin (criteria);
create unique index achievements_name_has_no_twin on learn.achievements (system, lower(name));
grant select on learn.achievements to learn_app, learn_readonly;

create table learn_internal.achievement_thresholds (
  metric         text not null references learn.metrics,
  scope          text not null,
  threshold      bigint not null,
  achievement_id bigint not null references learn.achievements on delete cascade,
  is_sole        boolean not null,
  primary key (metric, scope, threshold, achievement_id)
);
comment on table learn_internal.achievement_thresholds is
  'The leaves of active achievements'' criteria, so that the ones '
  'a counter crosses are found by index.';
comment on column learn_internal.achievement_thresholds.is_sole is
  'The leaf is the whole criterion: crossing it earns the achievement.';
create index achievement_thresholds_achievement
  on learn_internal.achievement_thresholds (achievement_id);

create table learn.user_achievements (
  user_id        uuid not null references learn.users on delete cascade,
  achievement_id bigint not null references learn.achievements on delete cascade,
  id             bigint generated always as identity,
  earned_at      timestamptz not null default learn.clock(),
  evidence       learn.evidence not null default '{}',
  token_id       learn.name,
  collection_id  learn.name,
  serial_number  learn.total,
  metadata_uri   learn.address,
  tx_id          learn.name,
  minted_at      timestamptz,
  primary key (user_id, achievement_id),
  constraint user_achievements_are_in_order unique (user_id, id),
  constraint token_data_belong_to_a_token check (
    minted_at is null and coalesce(token_id, collection_id, serial_number::text, metadata_uri, tx_id) is null
    or minted_at is not null and coalesce(token_id ~ '\S', false))
);
comment on table learn.user_achievements is
  'Achievements a user has earned. Sticky: only revoke_achievement() takes one away.';
comment on column learn.user_achievements.evidence is
  'The metric and value that earned it, or who granted it.';
comment on column learn.user_achievements.token_id is
  'The NFT on the network; null: none was minted. This and what follows are written once, by '
  'achievement_minted(), which a worker calls after request_achievement_nft().';
create unique index user_achievements_token_is_unique
  on learn.user_achievements (token_id, collection_id, serial_number) nulls not distinct
  where token_id is not null;
create index user_achievements_transaction on learn.user_achievements (user_id, tx_id)
  where tx_id is not null;
create index user_achievements_achievement on learn.user_achievements (achievement_id, user_id);
grant select on learn.user_achievements to learn_app, learn_readonly;

create table learn.revoked_achievements (
  user_id        uuid not null references learn.users on delete cascade,
  achievement_id bigint not null references learn.achievements on delete cascade,
  reason         text not null,
  revoked_at     timestamptz not null default learn.clock(),
  primary key (user_id, achievement_id),
  constraint sizes_are_limited check (length(reason) <= 2000),
  constraint texts_are_canonical check (learn_internal.text_problem(reason) is null)
);
comment on table learn.revoked_achievements is
  'Achievements taken away: not earned again by themselves, only by grant_achievement().';
create index revoked_achievements_achievement
  on learn.revoked_achievements (achievement_id, user_id);
grant select on learn.revoked_achievements to learn_app, learn_readonly;

create table learn.user_avatars (
  user_id     uuid not null references learn.users on delete cascade,
  avatar_id   bigint not null references learn.avatars on delete cascade,
  unlocked_at timestamptz not null default learn.clock(),
  primary key (user_id, avatar_id)
);
comment on table learn.user_avatars is
  'Avatars a user has unlocked; default avatars belong to everyone without a row.';
create index user_avatars_avatar on learn.user_avatars (avatar_id, user_id);
grant select on learn.user_avatars to learn_app, learn_readonly;

alter table learn.users add constraint users_selected_avatar_id_fkey
  foreign key (selected_avatar_id) references learn.avatars on delete set null;

-- ── quizzes ──────────────────────────────────────────────────────────────────────────────────────

-- functions/quizzes/options_problem.sql

-- What is wrong with the options of a question; null when nothing is. Two to four options under
-- the letters A to D, each with a text and perhaps an explanation; the correct answer is one of them.
create or replace function learn_internal.options_problem(p_options jsonb, p_correct_answer text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_options) is distinct from 'object'
      then 'the options are not a JSON object'
    when jsonb_path_exists(p_options, 'strict $.keyvalue() ? (!(@.key like_regex "^[A-D]$"))')
      then 'the options have other keys than A, B, C and D'
    when (select count(*) from jsonb_object_keys(p_options)) < 2
      then 'there are fewer than two options'
    when jsonb_path_exists(p_options, 'strict $.* ? (@.type() != "object")')
      or (select count(*) from jsonb_each(p_options) o
        where o.value ->> 'text' ~ E'\\S' and jsonb_typeof(o.value -> 'text') = 'string')
        < (select count(*) from jsonb_object_keys(p_options))
      then 'an option has no text'
    when jsonb_path_exists(p_options,
        'strict $.*.keyvalue() ? (@.key == "explanation" && @.value.type() != "string"
          && @.value.type() != "null")')
      then 'an explanation is not a text'
    when p_correct_answer is null or not p_options ? p_correct_answer
      then 'the correct answer is none of the options'
  end;
$$;
comment on function learn_internal.options_problem(jsonb, text) is
  'What is wrong with the options of a question; null when nothing is.';

create table learn.exam_types (
  key                  text primary key,
  name                 text not null,
  description          text not null default '',
  seconds_per_question integer,
  is_active            boolean not null default true,
  constraint seconds_per_question_are_in_range check (seconds_per_question between 1 and 86400),
  constraint exam_type_key_is_a_slug check (key ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint name_is_not_blank check (name ~ '\S'),
  constraint sizes_are_limited check (
    length(key) <= 200 and length(name) <= 300 and length(description) <= 10000),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(name, true), learn_internal.text_problem(description)) is null)
);
comment on table learn.exam_types is 'Exams that questions and quizzes are for.';
comment on column learn.exam_types.seconds_per_question is
  'Time limit of a quiz that start_quiz() draws, for each of its questions; null: none.';
comment on column learn.exam_types.is_active is
  'False: the exam is retired. No quiz of it may be started or submitted any more (LX004).';
grant select on learn.exam_types to learn_app, learn_readonly;

create table learn.questions (
  id             bigint generated always as identity primary key,
  exam_type      text not null references learn.exam_types on update cascade,
  external_id    text,
  domain         text not null default '',
  question_text  text not null,
  correct_answer text not null,
  options        jsonb not null,
  is_active      boolean not null default true,
  created_at     timestamptz not null default learn.clock(),
  updated_at     timestamptz not null default learn.clock(),
  constraint questions_external_id_is_unique unique (exam_type, external_id),
  constraint question_is_not_blank check (question_text ~ '\S'),
  constraint correct_answer_is_a_letter check (correct_answer in ('A', 'B', 'C', 'D')),
  constraint options_make_sense check (
    learn_internal.options_problem(options, correct_answer) is null),
  constraint sizes_are_limited check (
    length(external_id) <= 200 and length(domain) <= 200 and length(question_text) <= 20000
    and pg_column_size(options) <= 262144),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(external_id, true), learn_internal.text_problem(domain, true),
    learn_internal.text_problem(question_text)) is null)
);
comment on table learn.questions is
  'The question bank, with the key. Editing a question does not change how earlier answers were graded: '
  'see regrade_question(). Apps read quiz_questions, and after an attempt quiz_review.';
comment on column learn.questions.external_id is
  'The question''s id where it comes from: import_questions() updates by it.';
comment on column learn.questions.domain is 'Part of the exam that it belongs to, such as 1.1.';
comment on column learn.questions.options is
  '{"A": {"text": "…", "explanation": "…"}, "B": …}: two to four, A to D.';
comment on column learn.questions.is_active is 'False: no quiz may ask it any more (LX004).';
create index questions_domain on learn.questions (exam_type, domain);
grant select on learn.questions to learn_readonly;

create table learn.quiz_attempts (
  user_id            uuid not null references learn.users on delete cascade,
  id                 bigint generated always as identity,
  exam_type          text not null references learn.exam_types on update cascade,
  total_questions    integer not null,
  correct_answers    integer not null,
  score_percentage   numeric(5, 2) not null generated always as (
    -- of nonsense it is some percentage too, so that the constraints below say what is wrong
    round(100.0 * greatest(0, least(correct_answers, total_questions))
      / greatest(1, total_questions), 2)) stored,
  time_taken_seconds integer,
  xp_earned          integer not null default 0,
  completed_at       timestamptz not null default learn.clock(),
  primary key (user_id, id),
  constraint total_questions_are_in_range check (total_questions between 1 and 10000),
  constraint correct_answers_are_answers check (correct_answers between 0 and total_questions),
  constraint time_taken_is_not_negative check (time_taken_seconds >= 0),
  constraint xp_earned_is_not_negative check (xp_earned >= 0)
) with (fillfactor = 90);
comment on table learn.quiz_attempts is
  'Completed quizzes. Inserting one pays for the correct answers and, when perfect, for that.';
comment on column learn.quiz_attempts.score_percentage is 'Correct answers in percent, 0 to 100.';
comment on column learn.quiz_attempts.time_taken_seconds is 'Time for the quiz, in seconds.';
comment on column learn.quiz_attempts.xp_earned is
  'XP that the answers and a perfect score paid, within caps for the day.';
create index quiz_attempts_score
  on learn.quiz_attempts (exam_type, score_percentage, completed_at, user_id);
create index quiz_attempts_history on learn.quiz_attempts (user_id, completed_at);
grant select on learn.quiz_attempts to learn_app, learn_readonly;

create table learn.user_answers (
  user_id            uuid not null references learn.users on delete cascade,
  quiz_attempt_id    bigint not null,
  position           integer not null,
  question_id        bigint references learn.questions on delete set null,
  user_answer        text,
  correct_answer     text not null,
  is_correct         boolean not null,
  time_spent_seconds integer,
  answered_at        timestamptz not null default learn.clock(),
  primary key (user_id, quiz_attempt_id, position),
  constraint user_answers_attempt_fkey foreign key (user_id, quiz_attempt_id)
    references learn.quiz_attempts (user_id, id) on delete cascade,
  constraint user_answer_is_a_letter check (user_answer in ('A', 'B', 'C', 'D')),
  constraint correct_answer_is_a_letter check (correct_answer in ('A', 'B', 'C', 'D')),
  constraint is_correct_says_so check (is_correct = coalesce(user_answer = correct_answer, false)),
  constraint time_spent_is_not_negative check (time_spent_seconds >= 0)
);
comment on table learn.user_answers is
  'The answers of a quiz, graded by the database when they are written.';
comment on column learn.user_answers.position is 'Place in the quiz, 1 first.';
comment on column learn.user_answers.question_id is 'Null: the question was deleted since.';
comment on column learn.user_answers.user_answer is 'Null: skipped, which counts as wrong.';
comment on column learn.user_answers.correct_answer is
  'What was correct when it was answered; from questions, not from the caller.';
comment on column learn.user_answers.time_spent_seconds is 'Time for the question, in seconds.';
create unique index user_answers_ask_once
  on learn.user_answers (user_id, question_id, quiz_attempt_id);
create index user_answers_question on learn.user_answers (question_id, is_correct, user_id);
grant select on learn.user_answers to learn_app, learn_readonly;

create table learn.drawn_quizzes (
  user_id         uuid not null references learn.users on delete cascade,
  id              bigint generated always as identity,
  exam_type       text not null references learn.exam_types on update cascade,
  question_ids    bigint[] not null,
  started_at      timestamptz not null default learn.clock(),
  ends_at         timestamptz,
  closed_at       timestamptz,
  quiz_attempt_id bigint,
  primary key (user_id, id),
  constraint drawn_quizzes_attempt_fkey foreign key (user_id, quiz_attempt_id)
    references learn.quiz_attempts (user_id, id) on delete set null (quiz_attempt_id),
  constraint questions_are_there check (
    cardinality(question_ids) > 0 and array_position(question_ids, null) is null),
  constraint quiz_ends_after_it_starts check (ends_at > started_at and ends_at < 'infinity'),
  constraint quiz_closes_after_it_starts check (closed_at >= started_at),
  constraint submitted_quizzes_are_closed check (quiz_attempt_id is null or closed_at is not null)
);
comment on table learn.drawn_quizzes is
  'Quizzes that start_quiz() drew: at most one open per user and exam. Submitted ones have an attempt.';
comment on column learn.drawn_quizzes.question_ids is 'The questions, in the order in which to ask them.';
comment on column learn.drawn_quizzes.ends_at is 'When the time is up; null: there is no limit.';
comment on column learn.drawn_quizzes.closed_at is 'Null: it is open. Closed without an attempt: abandoned.';
create unique index drawn_quizzes_open_once on learn.drawn_quizzes (user_id, exam_type)
  where closed_at is null;
create index drawn_quizzes_left on learn.drawn_quizzes (user_id, exam_type, closed_at)
  where quiz_attempt_id is null;
create index drawn_quizzes_exam_type on learn.drawn_quizzes (exam_type);
create index drawn_quizzes_attempt on learn.drawn_quizzes (user_id, quiz_attempt_id);
create index drawn_quizzes_open on learn.drawn_quizzes (ends_at) where closed_at is null;
grant select on learn.drawn_quizzes to learn_app, learn_readonly;

create type learn_internal.graded_answer as (
  place integer, question_id bigint, user_answer text, correct_answer text, seconds integer);
comment on type learn_internal.graded_answer is 'An answer of a quiz, before it is written.';

create table learn_internal.paid_questions (
  user_id      uuid primary key references learn.users on delete cascade,
  opened_at    timestamptz not null,
  question_ids bigint[] not null default '{}',
  unnamed      jsonb not null default '{}',
  perfect      integer not null default 0
);
comment on table learn_internal.paid_questions is
  'The questions that have paid a learner today, by the clock: each does once a local day. One row per '
  'learner, which the first that pays on a new day begins again.';
comment on column learn_internal.paid_questions.opened_at is 'When the first of them paid: that day it is until is_over().';
comment on column learn_internal.paid_questions.perfect is 'Quizzes that have paid for being perfect.';
comment on column learn_internal.paid_questions.unnamed is
  'By exam: correct answers that paid in quizzes that were written without their answers.';

insert into learn.platform_settings (key, value, value_type, description) values
  ('quiz_minimum_questions', '5', 'number',
    'Questions that a quiz needs to count in metrics, and to be paid as a perfect one. Texts that name it follow '
    'when you seed again.'),
  ('quiz_high_score_percentage', '90', 'number',
    'Percentage from which a quiz counts as one of a high score. Texts that name it follow when you seed again.'),
  ('quiz_maximum_questions', '500', 'number', 'Questions that a quiz may have.'),
  ('quiz_perfect_payments_per_day', '25', 'number',
    'Perfect quizzes that pay a learner for being perfect on a day: those after them pay for answers alone.'),
  ('quiz_grace_seconds', '10', 'number',
    'Seconds after its end in which a quiz with a time limit is still taken, for slow networks.');

insert into learn.activity_types (key, description, is_qualifying, happens_once) values
  ('question_answered_correctly', 'The user answered a quiz question correctly.', true, false),
  ('quiz_completed', 'The user completed a quiz.', true, false),
  ('quiz_perfect', 'The user answered every question of a quiz of enough questions correctly.', true, false);

-- ── challenges ───────────────────────────────────────────────────────────────────────────────────

create table learn.challenges (
  id                bigint generated always as identity primary key,
  slug              text not null,
  title             text not null,
  description       text not null default '',
  category          text not null default '',
  track_id          bigint references learn.tracks on delete set null,
  position          integer not null default 0,
  difficulty        text not null default 'beginner' references learn.difficulties on update cascade,
  xp_base           integer not null default 100,
  estimated_minutes integer not null default 30,
  ddia_concepts     jsonb not null default '[]',
  tags              jsonb not null default '[]',
  metadata          jsonb not null default '{}',
  is_active         boolean not null default true,
  created_at        timestamptz not null default learn.clock(),
  updated_at        timestamptz not null default learn.clock(),
  constraint challenges_slug_is_unique unique (slug),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint difficulty_is_no_tier check (difficulty not in ('easy', 'medium', 'hard')),
  constraint xp_base_is_in_range check (xp_base between 0 and 1000000),
  constraint estimated_minutes_are_in_range check (estimated_minutes between 1 and 1000000),
  constraint ddia_concepts_are_a_list check (jsonb_typeof(ddia_concepts) = 'array'),
  constraint tags_are_a_list check (jsonb_typeof(tags) = 'array'),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object'),
  constraint sizes_are_limited check (
    length(slug) <= 200 and length(title) <= 300 and length(description) <= 10000
    and length(category) <= 100 and pg_column_size(ddia_concepts) <= 65536
    and pg_column_size(tags) <= 65536 and pg_column_size(metadata) <= 65536),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(title, true), learn_internal.text_problem(description),
    learn_internal.text_problem(category, true)) is null)
);
comment on table learn.challenges is
  'A problem in levels, passed in order. Unlocked when its prerequisites are completed, and the '
  'tracks that its track asks for.';
comment on column learn.challenges.xp_base is 'XP for passing all of its levels.';
comment on column learn.challenges.ddia_concepts is
  'Concepts of Designing Data-Intensive Applications that it practises, as a list of texts.';
comment on column learn.challenges.is_active is 'False: attempts are refused (LX004).';
create index challenges_track on learn.challenges (track_id, position);
create index challenges_difficulty on learn.challenges (difficulty);
create index challenges_category on learn.challenges (category);
create index challenges_tags on learn.challenges using gin (tags jsonb_path_ops);
create index challenges_ddia_concepts on learn.challenges using gin (ddia_concepts jsonb_path_ops);
grant select on learn.challenges to learn_app, learn_readonly;

create table learn.challenge_prerequisites (
  challenge_id              bigint not null references learn.challenges on delete cascade,
  prerequisite_challenge_id bigint not null references learn.challenges on delete cascade,
  primary key (challenge_id, prerequisite_challenge_id),
  constraint challenge_is_not_its_own_prerequisite check (
    challenge_id <> prerequisite_challenge_id)
);
comment on table learn.challenge_prerequisites is
  'Challenges to complete before another. A cycle is refused (LX012).';
create index challenge_prerequisites_prerequisite
  on learn.challenge_prerequisites (prerequisite_challenge_id);
grant select on learn.challenge_prerequisites to learn_app, learn_readonly;

create table learn.challenge_levels (
  challenge_id      bigint not null references learn.challenges on delete cascade,
  level_number      integer not null,
  level_name        text not null,
  description       text not null default '',
  requirements      jsonb not null,
  test_cases        jsonb not null,
  passing_criteria  jsonb not null,
  xp_reward         integer not null,
  hints             jsonb not null default '[]',
  solution_approach text,
  estimated_minutes integer not null default 15,
  primary key (challenge_id, level_number),
  constraint level_number_is_one_to_five check (level_number between 1 and 5),
  constraint level_name_is_not_blank check (level_name ~ '\S'),
  constraint xp_reward_is_in_range check (xp_reward between 0 and 1000000),
  constraint estimated_minutes_are_in_range check (estimated_minutes between 1 and 1000000),
  constraint requirements_are_a_document check (jsonb_typeof(requirements) in ('object', 'array')),
  constraint test_cases_are_objects check (
    jsonb_typeof(test_cases) = 'array'
    and not jsonb_path_exists(test_cases, 'strict $[*] ? (@.type() != "object")')),
  constraint passing_criteria_are_known check (case when jsonb_typeof(passing_criteria) = 'object'
    then passing_criteria - '{min_score,must_pass}'::text[] = '{}'
      and coalesce(jsonb_typeof(passing_criteria -> 'must_pass'), 'null') in ('array', 'null')
      and not jsonb_path_exists(passing_criteria,
        'lax $.must_pass[*] ? (@.type() != "string" && @.type() != "null")')
    else false end),
  constraint min_score_is_a_percentage check (
    case when coalesce(jsonb_typeof(passing_criteria -> 'min_score'), 'null') in ('number', 'null')
      then coalesce((passing_criteria ->> 'min_score')::numeric, 0) between 0 and 100 else false end),
  constraint hints_have_text_and_penalty check (
    jsonb_typeof(hints) = 'array'
    and not jsonb_path_exists(hints, 'strict $[*] ? (@.type() != "object")')
    and not jsonb_path_exists(hints, 'lax $[*] ? (!(@.text.type() == "string"))')
    and not jsonb_path_exists(hints, 'lax $[*] ? (exists (@.xp_penalty) && (
      @.xp_penalty.type() != "number" || @.xp_penalty < 0 || @.xp_penalty > 1000000))')),
  constraint sizes_are_limited check (
    length(level_name) <= 300 and length(description) <= 10000
    and pg_column_size(requirements) <= 262144 and pg_column_size(test_cases) <= 1048576
    and pg_column_size(passing_criteria) <= 65536 and pg_column_size(hints) <= 262144
    and length(solution_approach) <= 100000),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(level_name, true), learn_internal.text_problem(description),
    learn_internal.text_problem(solution_approach)) is null)
);
comment on table learn.challenge_levels is 'The levels of a challenge, 1 to 5.';
comment on column learn.challenge_levels.requirements is
  'What is asked for, such as {"functional": ["…"], "p99_ms": 20}.';
comment on column learn.challenge_levels.test_cases is
  '[{"name": "…", …}, …]: what the backend runs.';
comment on column learn.challenge_levels.passing_criteria is
  '{"min_score": 70, "must_pass": ["name of a test case", …]}, each where there is one: for the backend that runs '
  'the tests and says whether an attempt passed. Nobody passes with less than min_score, whatever it says.';
comment on column learn.challenge_levels.hints is
  '[{"text": "…", "xp_penalty": 5}, …], counted from 1: see use_hint().';
comment on column learn.challenge_levels.xp_reward is
  'XP for passing the level for the first time, less the penalties of hints used, not below 0.';
create index challenge_levels_requirements
  on learn.challenge_levels using gin (requirements jsonb_path_ops);
grant select on learn.challenge_levels to learn_app, learn_readonly;

create table learn.user_challenge_progress (
  user_id            uuid not null references learn.users on delete cascade,
  id                 bigint generated always as identity,
  challenge_id       bigint not null references learn.challenges on delete cascade,
  status             text not null generated always as (
    case when completed_at is not null then 'completed'
      when total_attempts > 0 or levels_completed <> '{}' then 'in_progress'
      else 'not_started' end) stored,
  current_level      integer not null default 0,
  levels_completed   integer[] not null default '{}',
  unlocked_at        timestamptz,
  started_at         timestamptz,
  completed_at       timestamptz,
  total_attempts     integer not null default 0,
  time_spent_seconds bigint not null default 0,
  best_score         numeric(5, 2),
  primary key (user_id, challenge_id),
  constraint user_challenge_progress_id_is_unique unique (user_id, id),
  constraint current_level_is_a_level check (current_level between 0 and 5),
  constraint levels_completed_are_levels check (levels_completed <@ '{1,2,3,4,5}'),
  constraint total_attempts_are_not_negative check (total_attempts >= 0),
  constraint time_spent_is_not_negative check (time_spent_seconds >= 0),
  constraint best_score_is_a_percentage check (best_score between 0 and 100)
) with (fillfactor = 70);
comment on table learn.user_challenge_progress is
  'Challenges that a user has unlocked, and how far each has come. Unlocks and completions '
  'are sticky.';
comment on column learn.user_challenge_progress.id is 'Order of the unlocks.';
comment on column learn.user_challenge_progress.current_level is
  'The highest level passed; 0: none yet.';
comment on column learn.user_challenge_progress.levels_completed is 'Levels passed, in order.';
comment on column learn.user_challenge_progress.best_score is
  'Best score of any attempt, in percent, 0 to 100.';
create index user_challenge_progress_challenge
  on learn.user_challenge_progress (challenge_id, user_id);
grant select on learn.user_challenge_progress to learn_app, learn_readonly;

create table learn.level_attempts (
  user_id            uuid not null references learn.users on delete cascade,
  id                 bigint generated always as identity,
  challenge_id       bigint not null,
  level_number       integer not null,
  attempt_number     integer not null default 0,
  design_snapshot    jsonb not null default '{}',
  test_results       jsonb not null default '[]',
  score              numeric(5, 2) not null,
  passed             boolean not null,
  xp_earned          integer not null default 0,
  hints_used         integer not null default 0,
  time_spent_seconds integer,
  feedback           jsonb not null default '{}',
  created_at         timestamptz not null default learn.clock(),
  primary key (user_id, id),
  foreign key (challenge_id, level_number)
    references learn.challenge_levels on delete cascade,
  constraint score_is_a_percentage check (score between 0 and 100),
  constraint attempt_number_is_not_negative check (attempt_number >= 0),
  constraint xp_earned_is_not_negative check (xp_earned >= 0),
  constraint hints_used_are_not_negative check (hints_used >= 0),
  constraint time_spent_is_not_negative check (time_spent_seconds >= 0),
  constraint sizes_are_limited check (
    pg_column_size(design_snapshot) <= 1048576 and pg_column_size(test_results) <= 1048576
    and pg_column_size(feedback) <= 262144)
) with (fillfactor = 90);
comment on table learn.level_attempts is
  'Every attempt at a level of a challenge. The first that passes pays; passing them all '
  'completes the challenge.';
comment on column learn.level_attempts.attempt_number is
  'Counts the user''s attempts at the level from 1; filled in when it is written.';
comment on column learn.level_attempts.score is 'Percent, 0 to 100.';
comment on column learn.level_attempts.xp_earned is 'What the first pass paid; filled in.';
comment on column learn.level_attempts.hints_used is
  'Hints of the level that the user had used by then; filled in.';
comment on column learn.level_attempts.time_spent_seconds is 'In seconds.';
create index level_attempts_level
  on learn.level_attempts (challenge_id, level_number, user_id, attempt_number);
create index level_attempts_recent on learn.level_attempts (user_id, created_at desc);
grant select on learn.level_attempts to learn_app, learn_readonly;

create table learn.hint_usage (
  user_id      uuid not null references learn.users on delete cascade,
  challenge_id bigint not null,
  level_number integer not null,
  hint_number  integer not null,
  xp_penalty   integer not null,
  used_at      timestamptz not null default learn.clock(),
  primary key (user_id, challenge_id, level_number, hint_number),
  foreign key (challenge_id, level_number)
    references learn.challenge_levels on delete cascade,
  constraint hint_number_is_positive check (hint_number >= 1),
  constraint xp_penalty_is_not_negative check (xp_penalty >= 0)
);
comment on table learn.hint_usage is
  'Hints that users have looked at, each once: they lower what passing the level pays.';
comment on column learn.hint_usage.xp_penalty is 'As the hint said then; filled in.';
create index hint_usage_level on learn.hint_usage (challenge_id, level_number, user_id);
grant select on learn.hint_usage to learn_app, learn_readonly;

create table learn.daily_challenges (
  id                   bigint generated always as identity primary key,
  challenge_id         bigint not null references learn.challenges on delete cascade,
  date                 date not null,
  difficulty_modifier  numeric(3, 2) not null default 1.0,
  xp_multiplier        numeric(3, 2) not null,
  special_requirements jsonb not null default '{}',
  created_at           timestamptz not null default learn.clock(),
  constraint daily_challenges_date_is_unique unique (date),
  constraint date_is_possible check (date between '1970-01-01' and '9999-12-31'),
  constraint difficulty_modifier_is_in_range check (difficulty_modifier between 0.01 and 9.99),
  constraint xp_multiplier_is_in_range check (xp_multiplier between 0 and 9.99),
  constraint sizes_are_limited check (pg_column_size(special_requirements) <= 65536)
);
comment on table learn.daily_challenges is
  'The challenge of a day (UTC), open to all: see schedule_daily_challenges().';
comment on column learn.daily_challenges.difficulty_modifier is
  'What passing scores are multiplied by: nobody passes with less than the lowest min_score of the '
  'challenge''s levels, times this (100 at most).';
comment on column learn.daily_challenges.xp_multiplier is
  'Passing pays the challenge''s xp_base times this, rounded half up. Left out: as much as the '
  'challenge''s highest level pays, at most 2.';
create index daily_challenges_challenge on learn.daily_challenges (challenge_id, date);
grant select on learn.daily_challenges to learn_app, learn_readonly;

create table learn.daily_challenge_attempts (
  user_id            uuid not null references learn.users on delete cascade,
  daily_challenge_id bigint not null references learn.daily_challenges on delete cascade,
  score              numeric(5, 2) not null,
  passed             boolean not null,
  xp_earned          integer not null default 0,
  completed_at       timestamptz not null default learn.clock(),
  recorded_at        timestamptz not null default learn.clock(),
  primary key (user_id, daily_challenge_id),
  constraint score_is_a_percentage check (score between 0 and 100),
  constraint xp_earned_is_not_negative check (xp_earned >= 0)
);
comment on column learn.daily_challenge_attempts.recorded_at is
  'When the attempt came in: a user has one a day (UTC), whatever day it was made on.';
comment on table learn.daily_challenge_attempts is
  'The one scored attempt of each user at a daily challenge.';
comment on column learn.daily_challenge_attempts.score is 'Percent, 0 to 100.';
comment on column learn.daily_challenge_attempts.xp_earned is 'What passing it paid; filled in.';
create index daily_challenge_attempts_score
  on learn.daily_challenge_attempts (daily_challenge_id, score desc, user_id);
grant select on learn.daily_challenge_attempts to learn_app, learn_readonly;

create table learn.old_progress_table (
  id               bigint generated always as identity primary key,
  user_id          uuid,
  problem_id       text,
  completed_levels integer[],
  total_xp         integer,
  imported_at      timestamptz,
  rejection        text,
  constraint sizes_are_limited check (length(problem_id) <= 500 and length(rejection) <= 10000)
);
comment on table learn.old_progress_table is
  'Where progress of an older system is loaded, whatever it looks like, for import_old_progress(). '
  'Staging: no key to users, and to be emptied when the import is done.';
comment on column learn.old_progress_table.user_id is 'A user of learn.users.';
comment on column learn.old_progress_table.problem_id is 'Slug of a challenge.';
comment on column learn.old_progress_table.completed_levels is
  'Levels passed, of 1 to 5, in any order.';
comment on column learn.old_progress_table.total_xp is
  'XP that the user has for the challenge in all.';
comment on column learn.old_progress_table.imported_at is
  'When the row was imported as it is; filled in.';
comment on column learn.old_progress_table.rejection is
  'Why the row was not imported; filled in. Null: nothing is wrong with it.';
create index old_progress_table_user on learn.old_progress_table (user_id);
grant select on learn.old_progress_table to learn_app, learn_readonly;

create table learn.imported_challenge_progress (
  user_id          uuid not null references learn.users on delete cascade,
  challenge_id     bigint not null references learn.challenges on delete cascade,
  completed_levels integer[] not null default '{}',
  total_xp         integer not null default 0,
  imported_at      timestamptz not null default learn.clock(),
  primary key (user_id, challenge_id),
  constraint completed_levels_are_levels check (completed_levels <@ '{1,2,3,4,5}'),
  constraint total_xp_is_not_negative check (total_xp >= 0)
);
comment on table learn.imported_challenge_progress is
  'Progress in challenges that users brought from an older system. A row that is written counts '
  'as if the levels had been passed, and pays its XP, but makes no day active. It may grow, '
  'not shrink.';
comment on column learn.imported_challenge_progress.total_xp is
  'XP in all; when it grows, the difference is paid.';
create index imported_challenge_progress_challenge
  on learn.imported_challenge_progress (challenge_id, user_id);
grant select on learn.imported_challenge_progress to learn_app, learn_readonly;

insert into learn.activity_types (key, description, is_qualifying, happens_once) values
  ('challenge_attempted', 'The user attempted a level of a challenge.', true, false),
  ('challenge_level_passed',
    'The user passed a level of a challenge for the first time.', true, true),
  ('challenge_completed', 'The user passed every level of a challenge.', true, true),
  ('daily_challenge_completed', 'The user passed a daily challenge.', true, true);

insert into learn.activity_types
  (key, description, is_qualifying, happens_once, is_internal)
values
  ('challenge_unlocked',
    'The user unlocked a challenge by completing what it asks for.', false, true, true);

-- ── skills ───────────────────────────────────────────────────────────────────────────────────────

-- functions/skills/assessment_problem.sql

-- What is wrong with an assessment, the first of it, in words; null when nothing is. Questions have
-- an id of their own, a category and the correct answer; responses answer questions, each once.
-- Answers are texts, numbers or booleans.
create or replace function learn_internal.assessment_problem(p_questions jsonb, p_responses jsonb)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(p_questions) is distinct from 'array' then 'the questions are not an array'
    when jsonb_array_length(p_questions) not between 1 and 500
      then format('there are %s questions', jsonb_array_length(p_questions))
    when jsonb_typeof(p_responses) is distinct from 'array' then 'the responses are not an array'
    when jsonb_array_length(p_responses) > 500
      then format('there are %s responses', jsonb_array_length(p_responses))
    else (
      with asked as materialized (
        select q.question ->> 'id' as id, q.question, q.position,
          row_number() over (partition by q.question -> 'id' order by q.position) as appearance
        from jsonb_array_elements(p_questions) with ordinality q(question, position)
      )
      select format('%s %s: %s', p.kind, p.position, p.problem)
      from (
        select 1 as rank, 'question' as kind, a.position, case
          when jsonb_typeof(a.question) <> 'object' then 'it is not an object'
          when jsonb_typeof(a.question -> 'id') is distinct from 'string' or a.id !~ E'\\S'
            or length(a.id) > 200
            then format('id is no text of 1 to 200 characters: %s',
              left(coalesce(a.question ->> 'id', 'null'), 50))
          when a.appearance > 1 then format('question %s was asked before', a.id)
          when jsonb_typeof(a.question -> 'category') is distinct from 'string'
            or a.question ->> 'category' !~ E'\\S'
            then format('category is no text: %s',
              left(coalesce(a.question ->> 'category', 'null'), 50))
          when coalesce(jsonb_typeof(a.question -> 'correct_answer'), 'missing')
            not in ('string', 'number', 'boolean')
            then format('correct_answer is no text, number or boolean: %s',
              left(coalesce(a.question ->> 'correct_answer', 'null'), 50))
        end as problem
        from asked a
        union all
        select 2, 'response', r.position, case
          when jsonb_typeof(r.response) <> 'object' then 'it is not an object'
          when jsonb_typeof(r.response -> 'id') is distinct from 'string'
            or not exists (select from asked a where a.id = r.response ->> 'id')
            then format('there is no question %s',
              left(coalesce(r.response ->> 'id', 'null'), 50))
          when r.appearance > 1
            then format('question %s was answered before', r.response ->> 'id')
          when coalesce(jsonb_typeof(r.response -> 'answer'), 'null')
            not in ('string', 'number', 'boolean', 'null')
            then format('answer is no text, number or boolean: %s',
              left(r.response ->> 'answer', 50))
        end
        from (
          select e.response, e.position,
            row_number() over (partition by e.response -> 'id' order by e.position) as appearance
          from jsonb_array_elements(p_responses) with ordinality e(response, position)
        ) r
      ) p
      where p.problem is not null
      order by p.rank, p.position
      limit 1
    )
  end;
$$;
comment on function learn_internal.assessment_problem(jsonb, jsonb) is
  'What is wrong with the questions and responses of an assessment, the first of it; '
  'null when nothing is.';

create table learn.skills (
  id              bigint generated always as identity primary key,
  slug            text not null,
  name            text not null,
  description     text not null default '',
  category        text not null default '',
  parent_skill_id bigint references learn.skills on delete set null,
  max_level       integer not null default 5,
  xp_per_level    integer not null default 100,
  created_at      timestamptz not null default learn.clock(),
  updated_at      timestamptz not null default learn.clock(),
  constraint skills_slug_is_unique unique (slug),
  constraint slug_is_a_slug check (slug ~ '^[a-z0-9]+([-_.][a-z0-9]+)*$'),
  constraint name_is_not_blank check (name ~ '\S'),
  constraint skill_is_not_its_own_parent check (parent_skill_id <> id),
  constraint max_level_is_in_range check (max_level between 1 and 1000),
  constraint xp_per_level_is_positive check (xp_per_level > 0),
  constraint skill_takes_at_most_a_billion_points check (
    max_level::bigint * xp_per_level <= 1000000000),
  constraint sizes_are_limited check (
    length(slug) <= 200 and length(name) <= 300 and length(description) <= 10000
    and length(category) <= 100),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(name, true), learn_internal.text_problem(description),
    learn_internal.text_problem(category, true)) is null)
);
comment on table learn.skills is
  'Skills that learners put points into: as many points as they have XP, each point once.';
comment on column learn.skills.parent_skill_id is
  'Where the skill hangs in the tree; what must come before is in skill_prerequisites. '
  'A cycle is refused (LX012).';
comment on column learn.skills.max_level is 'The level from which the skill is mastered.';
comment on column learn.skills.xp_per_level is 'Points that one level takes.';
create index skills_parent on learn.skills (parent_skill_id);
grant select on learn.skills to learn_app, learn_readonly;

create table learn.skill_prerequisites (
  skill_id              bigint not null references learn.skills on delete cascade,
  prerequisite_skill_id bigint not null references learn.skills on delete cascade,
  primary key (skill_id, prerequisite_skill_id),
  constraint skill_is_not_its_own_prerequisite check (skill_id <> prerequisite_skill_id)
);
comment on table learn.skill_prerequisites is
  'Skills of which a learner needs level 1 before another. A cycle is refused (LX012).';
create index skill_prerequisites_prerequisite
  on learn.skill_prerequisites (prerequisite_skill_id);
grant select on learn.skill_prerequisites to learn_app, learn_readonly;

create table learn.user_skills (
  user_id          uuid not null references learn.users on delete cascade,
  skill_id         bigint not null references learn.skills on delete cascade,
  points_allocated integer not null default 0,
  current_level    integer not null default 0,
  highest_level    integer not null default 0,
  unlocked_at      timestamptz not null default learn.clock(),
  allocated_at     timestamptz not null default learn.clock(),
  mastered_at      timestamptz,
  primary key (user_id, skill_id),
  constraint points_allocated_are_not_negative check (points_allocated >= 0),
  constraint levels_are_not_negative check (
    current_level >= 0 and highest_level >= current_level)
) with (fillfactor = 80);
comment on table learn.user_skills is
  'Skills that a user has put points into. The points are truth; levels follow from them.';
comment on column learn.user_skills.current_level is
  'Points divided by the skill''s xp_per_level, at most its max_level; kept by triggers.';
comment on column learn.user_skills.highest_level is
  'Highest level ever reached; each is reported once.';
comment on column learn.user_skills.unlocked_at is
  'When the first points came. Prerequisites are asked for then, and not again.';
comment on column learn.user_skills.allocated_at is 'When the latest points came.';
comment on column learn.user_skills.mastered_at is
  'When the highest level of the skill was reached; stays, whatever happens to skill and points.';
create index user_skills_skill on learn.user_skills (skill_id, user_id);
grant select on learn.user_skills to learn_app, learn_readonly;

create table learn.assessment_results (
  user_id                    uuid not null references learn.users on delete cascade,
  id                         bigint generated always as identity,
  assessment_type            text not null,
  questions                  jsonb not null,
  responses                  jsonb not null,
  score                      numeric(5, 2) not null default 0,
  skill_level_recommendation text not null default 'beginner',
  track_recommendations      jsonb not null default '[]',
  challenge_recommendations  jsonb not null default '[]',
  strengths                  jsonb not null default '[]',
  weaknesses                 jsonb not null default '[]',
  completed_at               timestamptz not null default learn.clock(),
  primary key (user_id, id),
  constraint assessment_type_is_known check (
    assessment_type in ('initial', 'track_placement', 'periodic')),
  constraint questions_and_responses_make_sense check (
    learn_internal.assessment_problem(questions, responses) is null),
  constraint score_is_a_percentage check (score between 0 and 100),
  constraint skill_level_is_known check (
    skill_level_recommendation in ('beginner', 'intermediate', 'advanced')),
  constraint sizes_are_limited check (
    pg_column_size(questions) <= 1048576 and pg_column_size(responses) <= 1048576
    and pg_column_size(track_recommendations) <= 1048576
    and pg_column_size(challenge_recommendations) <= 1048576 and pg_column_size(strengths) <= 1048576
    and pg_column_size(weaknesses) <= 1048576)
) with (fillfactor = 90);
comment on table learn.assessment_results is
  'Completed assessments. Whatever they result in is filled in when one is written: '
  'the database grades.';
comment on column learn.assessment_results.questions is
  '[{"id": "q1", "category": "caching", "correct_answer": "B"}, …], more keys as you like.';
comment on column learn.assessment_results.responses is
  '[{"id": "q1", "answer": "B"}, …]; a question without an answer counts as wrong.';
comment on column learn.assessment_results.score is 'Percent, 0 to 100; filled in.';
comment on column learn.assessment_results.track_recommendations is
  'Slugs of tracks, the first to do first; filled in.';
comment on column learn.assessment_results.challenge_recommendations is
  'Slugs of challenges, those of weak categories first; filled in.';
comment on column learn.assessment_results.strengths is
  'Categories with at least assessment_strength_percentage of correct answers; filled in.';
comment on column learn.assessment_results.weaknesses is
  'Categories with less than assessment_weakness_percentage of correct answers; filled in.';
create index assessment_results_recent on learn.assessment_results (user_id, completed_at desc);
grant select on learn.assessment_results to learn_app, learn_readonly;

create table learn.learning_sessions (
  user_id          uuid not null references learn.users on delete cascade,
  id               bigint generated always as identity,
  session_type     text not null,
  resource_id      text,
  started_at       timestamptz not null default learn.clock(),
  ended_at         timestamptz,
  duration_seconds bigint generated always as (
    floor(extract(epoch from ended_at - started_at))::bigint) stored,
  xp_at_start      bigint,
  xp_earned        bigint not null default 0,
  is_completed     boolean not null default false,
  metadata         jsonb not null default '{}',
  primary key (user_id, id),
  constraint session_type_is_known check (
    session_type in ('challenge', 'assessment', 'lesson', 'quiz', 'course')),
  constraint resource_id_is_not_blank check (
    resource_id ~ '\S' and length(resource_id) <= 255),
  constraint session_ends_after_it_starts check (ended_at >= started_at),
  constraint completed_sessions_are_over check (not is_completed or ended_at is not null),
  constraint xp_earned_is_not_negative check (xp_earned >= 0),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object'),
  constraint sizes_are_limited check (pg_column_size(metadata) <= 65536),
  constraint texts_are_canonical check (learn_internal.text_problem(resource_id, true) is null)
) with (fillfactor = 80);
comment on table learn.learning_sessions is
  'Sittings of users, from start_session() to end_session(); one open at most per user, '
  'type and resource.';
comment on column learn.learning_sessions.resource_id is
  'Id or slug of what the session is about, as text.';
comment on column learn.learning_sessions.ended_at is 'Null: the session is open.';
comment on column learn.learning_sessions.duration_seconds is
  'From start to end, in seconds; null while the session is open.';
comment on column learn.learning_sessions.xp_at_start is
  'The user''s total XP when the session was started; filled in.';
comment on column learn.learning_sessions.xp_earned is
  'What the user''s total XP gained from start to end, never negative; filled in when '
  'the session ends.';
comment on column learn.learning_sessions.is_completed is
  'False: still open, broken off, or abandoned.';
create unique index learning_sessions_open_once on learn.learning_sessions
  (user_id, session_type, resource_id) nulls not distinct
  where ended_at is null;
create index learning_sessions_recent on learn.learning_sessions (user_id, started_at desc);
create index learning_sessions_abandoned on learn.learning_sessions (started_at, user_id)
  where ended_at is null;
grant select on learn.learning_sessions to learn_app, learn_readonly;

insert into learn.platform_settings (key, value, value_type, description) values
  ('assessment_intermediate_percentage', '40', 'number',
    'Score of an assessment, in percent, from which the level intermediate is recommended.'),
  ('assessment_advanced_percentage', '75', 'number',
    'Score of an assessment, in percent, from which the level advanced is recommended.'),
  ('assessment_strength_percentage', '80', 'number',
    'A category with at least so many percent of correct answers is a strength.'),
  ('assessment_weakness_percentage', '50', 'number',
    'A category with fewer percent of correct answers is a weakness.'),
  ('assessment_recommendations', '5', 'number',
    'Tracks, and challenges, that an assessment recommends at most.'),
  ('assessment_sets_skill_level', 'true', 'boolean',
    'An initial assessment sets users.skill_level to the level that it recommends; later ones raise it.'),
  ('session_timeout_minutes', '120', 'number',
    'A learning session that has been open for longer is closed by close_abandoned_sessions().');

insert into learn.activity_types (key, description, is_qualifying, happens_once, is_internal)
values
  ('skill_level_reached',
    'The user reached a level of a skill for the first time.', false, true, true),
  ('skill_mastered', 'The user reached the highest level of a skill.', false, true, true),
  ('assessment_completed', 'The user completed an assessment.', true, false, false),
  ('session_ended', 'The user ended a learning session of a minute or more.', true, false, false);

-- ── leaderboards ─────────────────────────────────────────────────────────────────────────────────

create table learn_internal.board_gains (
  user_id       uuid not null,
  id            bigint generated always as identity,
  metric        text not null,
  local_date    date not null,
  amount        bigint,
  activity_type text,
  primary key (user_id, id)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
comment on table learn_internal.board_gains is
  'What users have gained since the boards were last merged: appended by the engine, taken away by '
  'merge_boards(). No foreign key: what is to be merged outlives its user.';
comment on column learn_internal.board_gains.metric is
  'A metric with boards; empty where the user is to be recounted.';
comment on column learn_internal.board_gains.local_date is
  'The user''s date on which it was gained; -infinity where it counts only for all time.';
comment on column learn_internal.board_gains.amount is
  'What to add, or the value that a maximum may rise to; null: recount the user from the facts, or '
  'take the user off the boards; for current_streak: look it up.';
comment on column learn_internal.board_gains.activity_type is
  'For XP, the type of fact that paid it: whoever merges the gain adds it to the tally, too.';
create index board_gains_metric on learn_internal.board_gains (metric, local_date, user_id);

create table learn_internal.board_scores (
  user_id   uuid not null,
  metric    text not null,
  period    text not null,
  starts_on date not null,
  value     bigint not null,
  name      text not null,
  lapses_at timestamptz not null default 'infinity',
  primary key (user_id, metric, period, starts_on)
);
comment on table learn_internal.board_scores is
  'The boards as of the last merge: what every user who may be seen has reached in a period. Written by '
  'merge_boards() alone. No foreign key: a user who is deleted is taken off by the next merge.';
comment on column learn_internal.board_scores.starts_on is
  'First day of the period, Monday for a week; -infinity for all_time.';
comment on column learn_internal.board_scores.value is
  'Sum of the gains, or their maximum; 0 or less: on no board, but counted on.';
comment on column learn_internal.board_scores.name is 'The username in lower case: the order in a tie.';
comment on column learn_internal.board_scores.lapses_at is
  'When the value ends by itself, which only a streak does: from then on readers leave it out.';
create index board_scores_order
  on learn_internal.board_scores (metric, period, starts_on, value desc, name, user_id) include (lapses_at)
  where value > 0;
create index board_scores_lapses on learn_internal.board_scores (metric, lapses_at, value)
  where lapses_at < 'infinity';

create table learn_internal.board_stretches (
  metric    text not null,
  period    text not null,
  starts_on date not null,
  floor     bigint not null,
  users     bigint not null,
  split_at  bigint not null,
  primary key (metric, period, starts_on, floor)
);
comment on table learn_internal.board_stretches is
  'How many users a board has between one value and the next: so that a rank is a sum of some of these '
  'and a count of few rows. Kept by the triggers of board_scores and by merge_boards().';
comment on column learn_internal.board_stretches.floor is
  'The lowest value counted here; the next floor is counted there.';
comment on column learn_internal.board_stretches.split_at is 'Number of users from which it is split in two or more.';
create index board_stretches_crowded
  on learn_internal.board_stretches (metric, period, starts_on, floor) where users >= split_at;

create table learn_internal.board_state (
  is_only_row boolean primary key default true,
  kept_from   date not null default '-infinity',
  merged_at   timestamptz not null default learn.clock(),
  merged_to   bigint not null default 0,
  counted_to  bigint not null default 0,
  constraint board_state_has_one_row check (is_only_row)
);
comment on table learn_internal.board_state is 'One row: what the boards in board_scores cover.';
comment on column learn_internal.board_state.kept_from is
  'Periods that ended on this day or earlier are no longer in board_scores: their boards are computed from the facts.';
comment on column learn_internal.board_state.merged_at is 'When all gains were last merged into board_scores.';
comment on column learn_internal.board_state.merged_to is
  'So that about as many gains wait as the ids of board_gains have gone beyond, in steps of their sequence.';
comment on column learn_internal.board_state.counted_to is
  'The last id of board_gains when those that wait were last counted, because too many seemed to.';

insert into learn_internal.board_state default values;

create type learn_internal.board as (
  metric text, period text, starts_on date, ends_on date, is_maximum boolean, is_kept boolean,
  at timestamptz);
comment on type learn_internal.board is
  'A board: a metric in a period, from its first day to before ends_on. is_kept: it is in board_scores; '
  'at: the moment for which it is asked.';

create type learn_internal.board_change as (
  user_id uuid, name text, old_value bigint, new_value bigint);
comment on type learn_internal.board_change is
  'A user whose place on a board has changed since the last merge: what board_scores says (0: not on it), '
  'and what is true.';

create type learn_internal.board_waiting as (
  user_ids uuid[], amounts bigint[], most bigint, least bigint, recounted uuid[]);
comment on type learn_internal.board_waiting is
  'What waits to be merged into a board: users and what each has gained, the most and the least of that (0 is '
  'between them), and who is to be recounted.';

create type learn_internal.board_step as (
  metric text, period text, starts_on date, value bigint, users bigint);
comment on type learn_internal.board_step is 'So many users more or less with a value on a board.';

create table learn.closed_periods (
  metric    text not null references learn.metrics on update cascade on delete cascade,
  period    text not null,
  starts_on date not null,
  users     bigint not null,
  closed_at timestamptz not null default learn.clock(),
  primary key (metric, period, starts_on),
  constraint period_is_known check (period in ('day', 'week', 'month'))
);
comment on table learn.closed_periods is
  'Boards of finished periods whose standings were kept, and rewards paid, by close_period().';
comment on column learn.closed_periods.users is 'How many users were on the board.';
grant select on learn.closed_periods to learn_app, learn_readonly;

create table learn.period_standings (
  user_id   uuid not null references learn.users on delete cascade,
  metric    text not null,
  period    text not null,
  starts_on date not null,
  value     bigint not null,
  rank      bigint not null,
  xp_paid   integer not null default 0,
  primary key (user_id, metric, period, starts_on),
  constraint standings_belong_to_a_closed_period foreign key (metric, period, starts_on)
    references learn.closed_periods on update cascade on delete cascade,
  constraint rank_is_positive check (rank >= 1)
);
comment on table learn.period_standings is
  'Who stood where when a period was closed. Later changes do not touch it.';
create index period_standings_board
  on learn.period_standings (metric, period, starts_on, rank, user_id);
grant select on learn.period_standings to learn_app, learn_readonly;

create table learn.period_rewards (
  metric    text not null references learn.metrics on update cascade on delete cascade,
  period    text not null,
  rank_from integer not null,
  rank_to   integer not null,
  xp        integer not null,
  primary key (metric, period, rank_from, rank_to),
  constraint period_is_known check (period in ('day', 'week', 'month')),
  constraint ranks_are_in_order check (rank_from >= 1 and rank_to >= rank_from),
  constraint xp_is_positive check (xp between 1 and 1000000000)
);
comment on table learn.period_rewards is
  'XP that close_period() pays to those who finish a period on ranks rank_from to rank_to. Where ranges '
  'overlap, the highest amount counts.';
grant select on learn.period_rewards to learn_app, learn_readonly;

create table learn_internal.merge_requests (
  transaction_id xid8 primary key,
  gains          bigint
);
comment on table learn_internal.merge_requests is
  'Transactions that merge the boards when they commit. Nobody else ever sees a row.';
comment on column learn_internal.merge_requests.gains is 'How many gains, at least; null: all.';

insert into learn.platform_settings (key, value, value_type, description) values
  ('leaderboard_days_kept', '8', 'number',
    'Days after its end for which the board of a period answers in a millisecond; later it is computed from the facts.'),
  ('leaderboard_gains_waiting', '10000', 'number',
    'When more gains wait for refresh_leaderboard(), learners'' calls merge some as they commit, one fact in eight.');

-- ── community ────────────────────────────────────────────────────────────────────────────────────

-- functions/community/is_tag_list.sql

-- Whether a list holds tags as they are kept: at most 10 of at most 50 characters, normalized.
create or replace function learn_internal.is_tag_list(p_tags text[])
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select cardinality(p_tags) <= 10
    and coalesce(bool_and(
      t.tag is not null and t.tag ~ E'\\S' and length(t.tag) <= 50
      and t.tag = lower(btrim(t.tag)) and learn_internal.text_problem(t.tag, true) is null), true)
    and count(distinct t.tag) = cardinality(p_tags)
  from unnest(p_tags) t(tag);
$$;
comment on function learn_internal.is_tag_list(text[]) is
  'Whether a list holds at most 10 distinct tags in lower case, of at most 50 characters.';

-- functions/community/discussion_words.sql

-- What a discussion is found by: its title (weight A), tags (B) and content (C).
-- The configuration is `simple`: words as they are written, in lower case, in any language.
-- Stemming and stop words would be those of one language, and of Filipino PostgreSQL has none.
-- Immutable it is: array_to_string() is stable for the sake of other types than text.
create or replace function learn_internal.discussion_words(
  p_title text, p_tags text[], p_content text
)
returns tsvector
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select setweight(to_tsvector('pg_catalog.simple', p_title), 'A')
    || setweight(to_tsvector('pg_catalog.simple', array_to_string(p_tags, ' ')), 'B')
    || setweight(to_tsvector('pg_catalog.simple', p_content), 'C');
$$;
comment on function learn_internal.discussion_words(text, text[], text) is
  'What a discussion is found by: title (weight A), tags (B), content (C).';

create table learn.discussions (
  id             bigint generated always as identity primary key,
  author_id      uuid references learn.users on delete set null,
  course_id      bigint references learn.courses on delete set null,
  title          text not null,
  content        text not null,
  category       text not null default 'general',
  tags           text[] not null default '{}',
  is_pinned      boolean not null default false,
  is_solved      boolean not null default false,
  view_count     bigint not null default 0,
  reply_count    integer not null default 0,
  upvote_count   integer not null default 0,
  downvote_count integer not null default 0,
  created_at     timestamptz not null default learn.clock(),
  updated_at     timestamptz not null default learn.clock(),
  words          tsvector not null
    generated always as (learn_internal.discussion_words(title, tags, content)) stored,
  constraint title_is_short_and_not_blank check (title ~ '\S' and length(title) <= 300),
  constraint content_is_not_blank check (content ~ '\S' and length(content) <= 50000),
  constraint category_is_not_blank check (category ~ '\S' and length(category) <= 100),
  constraint tags_are_normalized check (learn_internal.is_tag_list(tags)),
  constraint counts_are_not_negative check (
    view_count >= 0 and reply_count >= 0 and upvote_count >= 0 and downvote_count >= 0),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(title, true), learn_internal.text_problem(content),
    learn_internal.text_problem(category, true)) is null)
) with (fillfactor = 85);
comment on table learn.discussions is
  'What a user asks or tells the others, about a course or about none. Goes with its author.';
comment on column learn.discussions.course_id is
  'The course that it is about; null: none, or one that has been deleted.';
comment on column learn.discussions.category is 'For clients to name and filter by.';
comment on column learn.discussions.tags is
  'At most 10 of at most 50 characters, in lower case, each once.';
comment on column learn.discussions.is_pinned is 'Comes first in its lists.';
comment on column learn.discussions.is_solved is
  'A reply is accepted as the solution. This and the counts are kept by triggers.';
comment on column learn.discussions.view_count is 'Calls of view_discussion().';
comment on column learn.discussions.reply_count is 'Replies at any depth.';
comment on column learn.discussions.upvote_count is
  'Upvotes; downvotes are counted apart and take nothing away.';
comment on column learn.discussions.updated_at is
  'When title, content, category or tags were last edited.';
comment on column learn.discussions.words is
  'What search_discussions() searches: title (weight A), tags (B), content (C).';
create index discussions_newest
  on learn.discussions (is_pinned desc, created_at desc, id desc);
create index discussions_course
  on learn.discussions (course_id, is_pinned desc, created_at desc, id desc);
create index discussions_category
  on learn.discussions (category, is_pinned desc, created_at desc, id desc);
comment on column learn.discussions.author_id is 'null: the author was erased.';
create index discussions_author on learn.discussions (author_id, created_at desc);
create index discussions_tags on learn.discussions using gin (tags);
create index discussions_words on learn.discussions using gin (words);
grant select on learn.discussions to learn_app, learn_readonly;

create table learn.replies (
  id                bigint generated always as identity primary key,
  discussion_id     bigint not null references learn.discussions on delete cascade,
  author_id         uuid references learn.users on delete set null,
  parent_reply_id   bigint,
  content           text not null,
  is_solution       boolean not null default false,
  first_accepted_at timestamptz,
  upvote_count      integer not null default 0,
  downvote_count    integer not null default 0,
  created_at        timestamptz not null default learn.clock(),
  updated_at        timestamptz not null default learn.clock(),
  constraint replies_discussion_is_unique unique (id, discussion_id),
  constraint parent_is_in_the_same_discussion foreign key (parent_reply_id, discussion_id)
    references learn.replies (id, discussion_id) on delete set null (parent_reply_id),
  constraint reply_comes_after_its_parent check (parent_reply_id < id),
  constraint content_is_not_blank check (content ~ '\S' and length(content) <= 50000),
  constraint solutions_have_a_date check (not is_solution or first_accepted_at is not null),
  constraint counts_are_not_negative check (upvote_count >= 0 and downvote_count >= 0),
  constraint texts_are_canonical check (learn_internal.text_problem(content) is null)
) with (fillfactor = 85);
comment on table learn.replies is
  'A reply in a discussion. Goes with its author; replies to it stay.';
comment on column learn.replies.parent_reply_id is
  'The reply that this one answers, in the same discussion; null: it answers the discussion, '
  'or a reply that has been deleted.';
comment on column learn.replies.is_solution is
  'Accepted as the solution: at most one reply of a discussion.';
comment on column learn.replies.first_accepted_at is
  'When it was accepted for the first time; null: never. Stays when that is taken back: '
  'being accepted is a fact once.';
comment on column learn.replies.upvote_count is
  'Upvotes; downvotes are counted apart and take nothing away. Both are kept by triggers.';
comment on column learn.replies.updated_at is 'When the content was last edited.';
create index replies_order on learn.replies (discussion_id, created_at, id);
create index replies_parent on learn.replies (parent_reply_id, discussion_id);
comment on column learn.replies.author_id is 'null: the author was erased.';
create index replies_author on learn.replies (author_id, created_at desc);
create unique index replies_solution_is_unique on learn.replies (discussion_id) where is_solution;
grant select on learn.replies to learn_app, learn_readonly;

create table learn.discussion_votes (
  user_id       uuid not null references learn.users on delete cascade,
  id            bigint generated always as identity,
  discussion_id bigint references learn.discussions on delete cascade,
  reply_id      bigint references learn.replies on delete cascade,
  vote_type     text not null,
  created_at    timestamptz not null default learn.clock(),
  primary key (user_id, id),
  constraint vote_has_exactly_one_target check ((discussion_id is null) <> (reply_id is null)),
  constraint vote_type_is_known check (vote_type in ('upvote', 'downvote'))
);
comment on table learn.discussion_votes is
  'Votes for and against discussions and replies, one of a user for each.';
comment on column learn.discussion_votes.discussion_id is
  'The discussion voted on; null: the vote is on a reply.';
comment on column learn.discussion_votes.reply_id is
  'The reply voted on; null: the vote is on a discussion.';
comment on column learn.discussion_votes.created_at is
  'When the vote was cast, or changed to the other kind.';
create unique index discussion_votes_discussion_is_unique
  on learn.discussion_votes (user_id, discussion_id) where discussion_id is not null;
create unique index discussion_votes_reply_is_unique
  on learn.discussion_votes (user_id, reply_id) where reply_id is not null;
create index discussion_votes_discussion on learn.discussion_votes (discussion_id, user_id);
create index discussion_votes_reply on learn.discussion_votes (reply_id, user_id);
grant select on learn.discussion_votes to learn_app, learn_readonly;

insert into learn.activity_types (key, description, is_qualifying, happens_once) values
  ('discussion_posted', 'The user started a discussion.', false, true),
  ('reply_posted', 'The user replied in a discussion.', false, true),
  ('solution_accepted', 'A reply of the user was accepted as the solution.', false, true);

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
  constraint amount_is_in_range check (amount_hbar between 0 and 100000000000),
  constraint accounts_are_words check (
    from_account ~ '^[!-~]+$' and to_account ~ '^[!-~]+$'
    and length(from_account) <= 200 and length(to_account) <= 200),
  constraint status_is_known check (status in ('pending', 'submitted', 'confirmed', 'failed')),
  constraint submitted_transactions_have_an_id check (
    tx_id is not null or status in ('pending', 'failed')),
  constraint sizes_are_limited check (
    length(tx_type) <= 100 and length(hashscan_url) <= 2000 and length(error) <= 10000),
  constraint texts_are_canonical check (learn_internal.text_problem(hashscan_url, true) is null)
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

alter table learn.user_achievements add constraint achievement_transaction_is_the_users
  foreign key (user_id, tx_id) references learn.transactions (user_id, tx_id);

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
  constraint revoked_reason_is_not_blank check (revoked_reason ~ '\S'),
  constraint sizes_are_limited check (
    length(course_title) <= 300 and length(token_id) <= 200 and length(collection_id) <= 200
    and length(metadata_uri) <= 2000 and length(tx_id) <= 200 and length(revoked_reason) <= 2000),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(course_title, true), learn_internal.text_problem(token_id, true),
    learn_internal.text_problem(collection_id, true),
    learn_internal.text_problem(metadata_uri, true),
    learn_internal.text_problem(revoked_reason)) is null)
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
  constraint amount_is_in_range check (amount_hbar between 0.00000001 and 100000000000),
  constraint status_is_known check (status in ('pending', 'submitted', 'completed', 'failed')),
  constraint limit_ends_after_the_request check (limited_until >= requested_at),
  constraint completion_is_of_completed_requests check (
    completed_at is null or status = 'completed'),
  -- The triggers report the limit earlier and better (LX008). These hold it whatever the isolation
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
  ) where (status <> 'failed') deferrable initially deferred,
  constraint sizes_are_limited check (
    length(hedera_account_id) <= 100 and length(tx_id) <= 200 and length(error) <= 10000)
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
  constraint messages_are_completed_or_given_up check (completed_at is null or failed_at is null),
  constraint sizes_are_limited check (
    length(topic) <= 200 and pg_column_size(payload) <= 65536 and length(claimed_by) <= 200
    and length(error) <= 10000)
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
comment on column learn.outbox.error is 'Why the last attempt failed; of an erased user null.';
create index outbox_open on learn.outbox (id, available_at)
  where completed_at is null and failed_at is null;
create index outbox_errors on learn.outbox ((payload ->> 'user_id')) where error is not null;
create index outbox_dead on learn.outbox (id) where failed_at is not null;
grant select on learn.outbox to learn_app, learn_readonly;

create table learn.notification_rules (
  activity_type text not null references learn.activity_types on update cascade,
  type          text not null,
  filter        jsonb not null default '{}',
  title         text not null,
  message       text,
  action_url    text,
  translations  jsonb not null default '{}',
  is_active     boolean not null default true,
  primary key (activity_type, type),
  constraint action_url_leads_somewhere check (
    action_url ~ '^(/|[A-Za-z][A-Za-z0-9+.-]*:)[!-~]*$' and action_url collate "C" !~* '^(javascript|data|vbscript):'),
  constraint translations_are_texts check (learn_internal.is_translations(translations)),
  constraint type_is_a_slug check (
    type ~ '^[a-z0-9]+([-_.:][a-z0-9]+)*$' and length(type) <= 50),
  constraint filter_is_an_object check (jsonb_typeof(filter) = 'object'),
  constraint title_is_not_blank check (title ~ '\S'),
  constraint sizes_are_limited check (
    pg_column_size(filter) <= 65536 and length(title) <= 300 and length(message) <= 10000
    and length(action_url) <= 2000 and pg_column_size(translations) <= 262144),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(title, true), learn_internal.text_problem(message),
    learn_internal.text_problem(action_url, true)) is null)
);
comment on table learn.notification_rules is
  'Which facts are reported to users, and in what words. A fact is reported once, by a '
  'rule with a filter rather than by one without.';
comment on column learn.notification_rules.type is
  'Kind of notification, such as achievement, streak, level_up or level_complete.';
comment on column learn.notification_rules.filter is
  'Only facts whose properties contain this are reported. For achievements, what earned them counts '
  'as properties too: {"metric": "current_streak"}.';
comment on column learn.notification_rules.title is
  'Title, message and action_url may have placeholders: {name} and {slug} of what the fact is about, '
  '{subject_type}, {subject_id}, and each property of the fact, such as {level}; of achievements what earned '
  'them, such as {value}. What a fact does not have is left out.';
comment on column learn.notification_rules.action_url is
  'Where a tap leads: a path, or a URL of a scheme. What is filled in is percent-encoded.';
comment on column learn.notification_rules.translations is
  '{"fil": {"title": "…", "message": "…"}}: taken by the learner''s locale, with the same placeholders.';
grant select on learn.notification_rules to learn_app, learn_readonly;

create table learn.notifications (
  user_id    uuid not null references learn.users on delete cascade,
  id         bigint generated always as identity,
  type       learn.notice_type not null,
  title      learn.notice_title not null,
  message    learn.message,
  action_url learn.action_url,
  is_read    boolean not null default false,
  created_at timestamptz not null default learn.clock(),
  read_at    timestamptz,
  fact_id    bigint,
  told_in    bigint not null default (extract(epoch from statement_timestamp()) * 1000000)::bigint,
  primary key (user_id, id),
  constraint read_notifications_say_when check (is_read = (read_at is not null))
) with (fillfactor = 90);
comment on table learn.notifications is
  'What was reported to users, the newest with the highest id: by rules, or written by the owner.';
comment on column learn.notifications.told_in is
  'Which statement told it, by the microsecond in which the server got that: a jump of many levels by one '
  'statement is told once.';
comment on column learn.notifications.fact_id is
  'The fact that it reports, a row of activity_log; null: none. A fact is reported once.';
create unique index notifications_tell_a_fact_once
  on learn.notifications (user_id, fact_id) where fact_id is not null;
create index notifications_recent on learn.notifications (user_id, created_at desc);
create index notifications_unread on learn.notifications (user_id, id) where not is_read;
grant select on learn.notifications to learn_app, learn_readonly;

create type learn_internal.told as (
  user_id uuid, fact_id bigint, type learn.notice_type, title learn.notice_title, message learn.message,
  action_url learn.action_url);
comment on type learn_internal.told is
  'A notification before it is written: its words are looked at once, however many are told.';

create type learn_internal.notice as (
  user_id       uuid,
  fact_id       bigint,
  activity_type text,
  subject_type  text,
  subject_id    text,
  properties    jsonb
);
comment on type learn_internal.notice is 'A fact that may be reported to its user.';

insert into learn.platform_settings (key, value, value_type, description) values
  ('outbox_timeout_seconds', '300', 'number',
    'A claimed message that is not completed within so many seconds may be claimed again.'),
  ('outbox_retry_seconds', '60', 'number',
    'How long a failed message rests, in seconds; doubled with each further attempt, '
    'at most a day.'),
  ('outbox_max_attempts', '10', 'number',
    'A message that has failed so often is given up: learn.dead_outbox lists it.'),
  ('nft_minting_enabled', 'false', 'boolean',
    'Whether each new certificate asks for an NFT, a message nft_mint in learn.outbox, and learners may for achievements.'),
  ('hashscan_url', '"https://hashscan.io/testnet"', 'string',
    'Base URL of the explorer, network included; transactions link to /transaction/… below it.'),
  ('faucet_interval_hours', '24', 'number',
    'A user, and an account, gets something from the faucet once in so many hours.'),
  ('faucet_max_hbar', '100', 'number', 'The most that one request to the faucet may ask for.'),
  ('issuer_name', '""', 'string', 'Who issues credentials: the name that they show.'),
  ('issuer_url', '""', 'string', 'Who issues credentials: the URL that identifies the issuer.'),
  ('credential_url', '""', 'string',
    'Base URL below which credentials, courses and achievements have their identifiers.');

insert into learn.platform_settings (key, value, value_type, description) values
  ('notify_events', 'true', 'boolean',
    'New notifications are sent to the channel learn_events of PostgreSQL''s NOTIFY.'),
  ('notification_webhooks', 'false', 'boolean',
    'New notifications are messages in the outbox too, topic notification, for webhooks.');

-- Where a number may be something else than 0 to a million.
update learn.platform_settings s
set minimum = r.minimum, maximum = r.maximum
from (values
  ('max_event_age_days', 0, 36525), ('leaderboard_days_kept', 0, 36525),
  ('quiz_minimum_questions', 1, 1000), ('quiz_maximum_questions', 1, 1000),
  ('quiz_high_score_percentage', 0, 100), ('assessment_intermediate_percentage', 0, 100),
  ('assessment_advanced_percentage', 0, 100), ('assessment_strength_percentage', 0, 100),
  ('assessment_weakness_percentage', 0, 100), ('assessment_recommendations', 0, 1000),
  ('session_timeout_minutes', 1, 1000000), ('outbox_timeout_seconds', 1, 1000000),
  ('outbox_max_attempts', 1, 1000000)
) r(key, minimum, maximum)
where s.key = r.key;

-- ── analytics ────────────────────────────────────────────────────────────────────────────────────

create table learn_internal.tallies (
  measure text not null,
  day     date not null,
  item    text not null,
  value   bigint not null,
  primary key (measure, day, item),
  constraint measure_is_known check (
    measure in ('registrations', 'active_days', 'active_weeks', 'xp'))
);
comment on table learn_internal.tallies is
  'What analytics count, as refresh_analytics() last wrote it down: no user is named. '
  'tally_totals adds what has changed since.';
comment on column learn_internal.tallies.day is
  'Local day, Monday for weeks.';
comment on column learn_internal.tallies.item is
  'xp: activity type; active_weeks: Monday of the week of registration.';

create table learn_internal.tally_changes (
  id      bigint generated always as identity primary key,
  measure text not null,
  day     date not null,
  item    text not null,
  value   bigint not null
);
comment on table learn_internal.tally_changes is
  'What is to be added to the tallies: rows that are appended and that refresh_analytics() takes away. '
  'So nobody meets in a row, and what is not committed yet cannot be missed.';
comment on column learn_internal.tally_changes.id is
  'Says nothing about the order of commits, and nobody goes by it.';
create index tally_changes_key on learn_internal.tally_changes (measure, day, item);

-- ── operations: checking in slices ───────────────────────────────────────────────────────────────

create table learn_internal.integrity_state (
  is_only_row    boolean primary key default true,
  checked_until  uuid,
  round_began_at timestamptz,
  constraint integrity_state_has_one_row check (is_only_row)
);
comment on table learn_internal.integrity_state is
  'How far check_slice() has come: the last learner that it has checked; null: it begins anew.';
insert into learn_internal.integrity_state default values;

create table learn_internal.integrity_findings (
  id         bigint generated always as identity primary key,
  found_at   timestamptz not null default learn.clock(),
  check_name text not null,
  about_user uuid references learn.users on delete cascade,
  expected   text,
  actual     text
);
create index integrity_findings_about_user on learn_internal.integrity_findings (about_user);
comment on table learn_internal.integrity_findings is
  'What check_slice() has found, until it checks the same learner again. about_user is null: it is nobody''s.';

-- ── trust: the rows of one learner ───────────────────────────────────────────────────────────────

create table learn_internal.learner_roles (
  user_id   uuid not null references learn.users on delete cascade,
  role_name name not null,
  primary key (user_id, role_name)
);
comment on table learn_internal.learner_roles is
  'Login roles that are one learner each. A session of such a role is that learner, whatever settings or '
  'claims it has.';
create unique index learner_roles_name_is_unique on learn_internal.learner_roles (role_name);

create table learn_internal.erased_roles (role_name name primary key);
comment on table learn_internal.erased_roles is
  'Login roles of erased learners. Such a role is nobody, whatever settings or claims it has; once it is dropped, so may '
  'its row be.';

-- functions/_shared/current_learner.sql

-- Who a session of learn_user acts for. A role of its own comes first, since settings are the session's to change
-- (that of an erased learner is nobody):
-- then the setting learn.user_id, then the claim sub that PostgREST or Supabase have verified (request.jwt.claims), or
-- PostGraphile (jwt.claims.sub). Which claim it is says the platform setting learner_claim.
-- Errors: LX001 the setting or the claim is no UUID.
create or replace function learn.current_learner()
returns uuid
language plpgsql
stable
security definer                  -- which roles are learners is nobody's to read
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_user   uuid;
  v_claim  text;
  v_claims text := nullif(current_setting('request.jwt.claims', true), '');
begin
  select r.user_id into v_user
  from (
    select l.user_id from learn_internal.learner_roles l where l.role_name = session_user
    union all
    select null from learn_internal.erased_roles e where e.role_name = session_user
  ) r
  limit 1;
  if found then
    return v_user;
  end if;
  v_user := nullif(current_setting('learn.user_id', true), '')::uuid;
  if v_user is null then
    v_claim := coalesce((select s.value #>> '{}' from learn.platform_settings s where s.key = 'learner_claim'), 'sub');
    v_user := coalesce(v_claims::jsonb #>> case when v_claim like '{%' then v_claim::text[] else array[v_claim] end,
      nullif(current_setting('jwt.claims.' || v_claim, true), ''))::uuid;
  end if;
  return v_user;
exception
  when data_exception then
    raise exception 'who the learner is cannot be read'
      using errcode = 'LX001',
        detail = format('neither learn.user_id nor the claim %s is a UUID', coalesce(v_claim, 'sub')),
        hint = 'Set learn.user_id to the id of a row of learn.users, or neither.';
end;
$$;
comment on function learn.current_learner() is
  'Who a session of learn_user acts for: the learner of its login role, else the setting learn.user_id, else the '
  'claim sub in request.jwt.claims or jwt.claims.sub; null: nobody.';
grant execute on function learn.current_learner() to learn_app, learn_user, learn_readonly;

-- functions/_shared/protect_rows.sql

-- Lets learn_user read the rows of a table that fulfil a condition, and nobody else's; backends and reports read all.
-- The owner, whose functions write, is not bound. For future partitions, too.
create or replace function learn_internal.protect_rows(p_table regclass, p_condition text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('alter table %s enable row level security', p_table);
  execute format('create policy learners_rows on %s for select to learn_user using (%s)', p_table, p_condition);
  execute format('create policy every_row on %s for select to learn_app, learn_readonly using (true)', p_table);
end;
$$;
comment on function learn_internal.protect_rows(regclass, text) is
  'Row-level security for a table: learn_user reads what fulfils the condition, learn_app and learn_readonly all.';

-- Everything of a learner is that learner's. Tables are found by their column, so that none is forgotten.
do $$
declare
  v_table regclass;
begin
  for v_table in
    select a.attrelid::regclass
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
    where c.relnamespace = 'learn'::regnamespace and a.attname = 'user_id' and not a.attisdropped
    order by c.relname
  loop
    perform learn_internal.protect_rows(v_table, 'user_id = (select learn.current_learner())');
  end loop;
end;
$$;
select learn_internal.protect_rows('learn.users', 'id = (select learn.current_learner())');

-- Of content, what is published. Posts are everybody's.
select learn_internal.protect_rows(t, c) from (values
  ('learn.learning_paths'::regclass, 'is_published'),
  ('learn.tracks', 'is_published'),
  ('learn.courses', 'is_published'),
  ('learn.course_levels', 'is_published and course_id in (select c.id from learn.courses c)'),
  ('learn.lessons', 'is_available'),
  ('learn.exercises', 'is_published and lesson_id in (select l.id from learn.lessons l)'),
  ('learn.challenges', 'is_active'),
  ('learn.challenge_levels', 'challenge_id in (select c.id from learn.challenges c)'),
  ('learn.daily_challenges', 'date <= (learn.clock() at time zone ''UTC'')::date'),
  ('learn.discussions', 'true'),
  ('learn.replies', 'true')
) p(t, c);

-- functions/catalog/content_tables.sql

-- Content for editors who are no owners: drafts that are saved, submitted, approved by somebody else where that is asked
-- for, and published. The tables that it is about, and the column that says whether learners see a row; empty: they do
-- at once.
create or replace function learn_internal.content_tables()
returns jsonb
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select '{
    "learning_paths": "is_published", "tracks": "is_published", "courses": "is_published",
    "course_levels": "is_published", "lessons": "is_published", "exercises": "is_published",
    "challenges": "is_active", "achievements": "is_active", "exam_types": "is_active", "questions": "is_active",
    "notification_rules": "is_active", "challenge_levels": "", "daily_challenges": "", "skills": "", "avatars": "",
    "learning_path_tracks": "", "track_lessons": "", "track_prerequisites": "", "course_prerequisites": "",
    "challenge_prerequisites": "", "skill_prerequisites": ""}'::jsonb;
$$;
comment on function learn_internal.content_tables() is
  'The tables that editors write, with the column that says whether learners see a row; empty: they do at once.';

-- What learn_editor reads: content and rules, drafts and answers included, and nothing of learners.
create table learn.content_reviews (
  table_name   text not null,
  content_id   bigint not null,
  state        text not null,
  content_hash text not null,
  note         text,
  submitted_by text not null,
  submitted_at timestamptz not null default learn.clock(),
  reviewed_by  text,
  reviewed_at  timestamptz,
  primary key (table_name, content_id),
  constraint state_is_known check (state in ('submitted', 'approved', 'returned')),
  constraint reviews_have_a_reviewer check (
    (state = 'submitted') = (reviewed_at is null) and (reviewed_at is null) = (reviewed_by is null)),
  constraint nobody_reviews_their_own check (reviewed_by <> submitted_by),
  constraint content_hash_is_one check (content_hash ~ '^[0-9a-f]{64}$'),
  constraint sizes_are_limited check (
    length(table_name) <= 63 and length(note) <= 2000 and length(submitted_by) <= 200 and length(reviewed_by) <= 200),
  constraint texts_are_canonical check (coalesce(
    learn_internal.text_problem(note), learn_internal.text_problem(submitted_by, true),
    learn_internal.text_problem(reviewed_by, true), learn_internal.text_problem(table_name, true)) is null)
);
comment on table learn.content_reviews is
  'Where drafts stand: the last step of review_content() for each row of content. What came before is in audit_log.';
comment on column learn.content_reviews.content_hash is 'SHA-256 of the row that was submitted: a changed one is another.';
comment on column learn.content_reviews.note is 'What the last one to act had to say.';

do $$
declare
  v_table name;
begin
  for v_table in select jsonb_object_keys(learn_internal.content_tables()) loop
    execute format('grant select on learn.%I to learn_editor', v_table);
    if (select c.relrowsecurity from pg_class c where c.oid = format('learn.%I', v_table)::regclass) then
      execute format('create policy every_draft on learn.%I for select to learn_editor using (true)', v_table);
    end if;
  end loop;
end;
$$;
grant select on learn.content_reviews, learn.difficulties, learn.level_thresholds, learn.activity_types, learn.metrics,
  learn.xp_rules, learn.period_rewards, learn.platform_settings
  to learn_editor;
grant select on learn.content_reviews to learn_app, learn_readonly;

-- What learn_user reads: of learners' tables what backends read of them, of content what gives no answer away.
do $$
declare
  v_grant text;
begin
  for v_grant in
    select format('grant select (%s) on %s to learn_user', string_agg(quote_ident(a.attname), ', '), a.attrelid::regclass)
    from pg_policy p
    join pg_class c on c.oid = p.polrelid and not c.relispartition
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where p.polname = 'learners_rows' and has_column_privilege('learn_app', c.oid, a.attnum, 'select')
      and (c.relname, a.attname) not in (values ('challenge_levels', 'test_cases'), ('challenge_levels', 'hints'),
        ('challenge_levels', 'passing_criteria'), ('challenge_levels', 'solution_approach'),
        ('exercises', 'expected_result'))
    group by a.attrelid
  loop
    execute v_grant;
  end loop;
end;
$$;
grant select on learn.learning_path_tracks, learn.track_lessons, learn.track_prerequisites, learn.course_prerequisites,
  learn.challenge_prerequisites, learn.skills, learn.skill_prerequisites, learn.difficulties, learn.level_thresholds,
  learn.exam_types, learn.avatars, learn.xp_rules, learn.period_rewards
  to learn_user;

-- functions/_shared/hide_texts.sql

-- Keeps what people write or are called in a table from being sampled by ANALYZE: statistics outlive an erased user.
-- What has the words of a vocabulary, and is grouped by, keeps its statistics. For future partitions, too.
create or replace function learn_internal.hide_texts(p_table regclass)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_column name;
  v_index  regclass;
  v_number smallint;
begin
  for v_column in
    select a.attname
    from pg_attribute a
    where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped
      and (select coalesce(nullif(y.typbasetype, 0), y.oid) from pg_type y where y.oid = a.atttypid)
        in ('text'::regtype, 'text[]'::regtype, 'name'::regtype, 'jsonb'::regtype, 'inet'::regtype, 'tsvector'::regtype,
          'jsonb[]'::regtype)
      and a.attname not in ('activity_type', 'assessment_type', 'difficulty', 'exam_type', 'kind', 'locale', 'metric',
        'period', 'role', 'session_type', 'skill_level', 'source_type', 'status', 'timezone', 'topic', 'tx_type', 'type',
        'vote_type')
  loop
    execute format('alter table %s alter column %I set statistics 0', p_table, v_column);
  end loop;
  for v_index, v_number in
    select a.attrelid::regclass, a.attnum
    from pg_index i
    join pg_attribute a on a.attrelid = i.indexrelid and i.indkey[a.attnum - 1] = 0
    where i.indrelid = p_table and a.atttypid = 'text'::regtype
  loop
    execute format('alter index %s alter column %s set statistics 0', v_index, v_number);
  end loop;
end;
$$;
comment on function learn_internal.hide_texts(regclass) is
  'Keeps texts of a table from being sampled by ANALYZE: statistics outlive an erased user.';

-- Of users, texts are looked up by unique keys, which need no statistics.
select learn_internal.hide_texts(c.oid)
from pg_class c
where c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace) and c.relkind in ('r', 'p')
  and (c.oid in ('learn.users'::regclass, 'learn.outbox'::regclass, 'learn_internal.integrity_findings'::regclass) or exists (
    select from pg_attribute a
    where a.attrelid = c.oid and a.attname in ('user_id', 'author_id') and not a.attisdropped));

update learn.activity_types set is_built_in = true;

reset role;
