-- What a database of Laurel's needs to be one of several: installed by `dbtool shards` on home and on each shard, again
-- after each migration. Schema learn_shard; nothing here is for backends: the proxy calls it as learn_router.
-- Home (number 0) has the content, the community and the directory: a row of learn.users for each learner, so that
-- names are unique by its constraints. A shard (1, 2, …) has all that its learners do.

create schema if not exists learn_shard authorization learn_owner;
set role learn_owner;

comment on schema learn_shard is 'What makes this database one of several: home or a shard. For the proxy only.';
grant usage on schema learn_shard to learn_router;

create table if not exists learn_shard.member (
  is_only_row boolean primary key default true,
  number      integer not null,
  constraint member_has_one_row check (is_only_row),
  constraint number_is_not_negative check (number between 0 and 1023)
);
comment on table learn_shard.member is 'Which database this is: 0 is home.';

create table if not exists learn_shard.content (
  table_name text not null,
  key        text not null,
  content    jsonb not null,
  primary key (table_name, key)
);
comment on table learn_shard.content is
  'Content and rules as home has published them, row by row: replicated to the shards, which apply_content() from it.';

create table if not exists learn_shard.content_version (
  is_only_row  boolean primary key default true,
  version      bigint not null,
  published_at timestamptz not null,
  constraint content_version_has_one_row check (is_only_row)
);
comment on table learn_shard.content_version is
  'How often home has published changed content, and when last. Replicated with the content, in the same transaction.';

create table if not exists learn_shard.applied_version (
  is_only_row boolean primary key default true,
  version     bigint not null,
  applied_at  timestamptz not null,
  constraint applied_version_has_one_row check (is_only_row)
);
comment on table learn_shard.applied_version is 'The version of the content that this shard has applied.';

create table if not exists learn_shard.claims (
  user_id    uuid primary key,
  claimed_at timestamptz not null default clock_timestamp()
);
comment on table learn_shard.claims is
  'On home: learners whose names are claimed and of whom it is not yet known whether their shard has them.';

create table if not exists learn_shard.seats (
  user_id    uuid primary key,
  is_refused boolean not null,
  made_at    timestamptz not null default clock_timestamp()
);
create index if not exists seats_age on learn_shard.seats (made_at);
comment on table learn_shard.seats is
  'On a shard: learners who came by the proxy, or who must not come any more because home has taken their names back.';

create table if not exists learn_shard.forwards (
  id      bigint generated always as identity primary key,
  user_id uuid not null,
  kind    text not null,
  payload jsonb not null,
  made_at timestamptz not null default clock_timestamp(),
  constraint kind_is_known check (kind in ('fact', 'profile', 'erase', 'merge'))
);
alter table learn_shard.forwards add column if not exists call_key text;
comment on column learn_shard.forwards.call_key is
  'Of what the learner''s own call did: its idempotency key, or nothing; null: not of a call of the learner''s own.';
create index if not exists forwards_user on learn_shard.forwards (user_id, id);
comment on table learn_shard.forwards is
  'On home: what learners'' shards have to be told, in order, written in the transaction that it follows from. The proxy '
  'delivers and deletes it.';

create table if not exists learn_shard.taken (
  user_id    uuid not null,
  forward_id bigint not null,
  kind       text not null,
  taken_at   timestamptz not null default clock_timestamp(),
  primary key (user_id, forward_id)
);
create index if not exists taken_age on learn_shard.taken (taken_at);
comment on table learn_shard.taken is 'On a shard: what it was told by home, so that each thing happens once.';

create table if not exists learn_shard.answers (
  user_id  uuid not null,
  key      text not null,
  response jsonb not null,
  made_at  timestamptz not null default clock_timestamp(),
  primary key (user_id, key)
);
create index if not exists answers_age on learn_shard.answers (made_at);
comment on table learn_shard.answers is
  'On a shard: what calls that went through home were answered, by their idempotency keys, for a retry.';

-- Which database this is. Called by the installer.
create or replace function learn_shard.become(p_number integer)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_sequence record;
begin
  insert into learn_shard.member (number) values (p_number)
  on conflict (is_only_row) do update set number = excluded.number;
  if p_number = 0 then
    return;
  end if;
  -- Ids of learners' rows count in steps: rows of two shards never have the same, and learners can move anywhere.
  for v_sequence in
    select s.seqrelid::regclass as name, s.seqincrement
    from pg_sequence s
    join pg_class c on c.oid = s.seqrelid and c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace)
    left join pg_depend d on d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'i'
    where d.refobjid is null or not exists (
      select from learn_shard.content_tables() t where t.name = d.refobjid::regclass)
  loop
    if v_sequence.seqincrement <> 1024 then
      execute format('alter sequence %s increment 1024 restart %s', v_sequence.name,
        p_number + 1024 * (1 + coalesce(pg_sequence_last_value(v_sequence.name), 0) / 1024));
    end if;
  end loop;
end;
$$;
comment on function learn_shard.become(integer) is 'Says which database this is, and has a shard count its ids in steps of 1024.';

reset role;
