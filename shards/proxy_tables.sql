-- What the proxy keeps: where its learners are, and nothing of what they do.

set role learn_owner;

comment on schema learn_proxy is 'Internals of the proxy: which learner is where. Nothing here is for callers.';

create table if not exists learn_proxy.shards (
  number     integer primary key,
  name       text not null,
  connection text not null,
  added_at   timestamptz not null default now(),
  constraint shards_name_is_unique unique (name),
  constraint number_is_in_range check (number between 0 and 1023)
);
comment on table learn_proxy.shards is 'The databases behind the proxy: 0 is home, the others are shards.';
alter table learn_proxy.shards add column if not exists standby text;
comment on column learn_proxy.shards.standby is 'Where its standby is that functions of learn_reads ask; null: itself.';
comment on column learn_proxy.shards.connection is 'Where it is, as libpq has it; no user and no password.';

create table if not exists learn_proxy.buckets (
  bucket integer primary key,
  shard  integer not null references learn_proxy.shards,
  constraint bucket_is_in_range check (bucket between 0 and 1023),
  constraint home_has_no_learners check (shard > 0)
);
comment on table learn_proxy.buckets is 'On which shard the learners of a bucket are. Their number, a power of 2, never changes.';

create table if not exists learn_proxy.moves (
  id         bigint generated always as identity primary key,
  source     integer not null references learn_proxy.shards,
  target     integer not null references learn_proxy.shards,
  buckets    integer[] not null,
  step       text not null default 'prepare',
  began_at   timestamptz not null default clock_timestamp(),
  changed_at timestamptz not null default clock_timestamp(),
  constraint shards_differ check (source <> target)
);
create unique index if not exists moves_one_at_a_time on learn_proxy.moves ((true)) where step not in ('done', 'given up');
comment on table learn_proxy.moves is
  'Buckets that were, or are being, moved to another shard, and the step that was begun last.';

reset role;
