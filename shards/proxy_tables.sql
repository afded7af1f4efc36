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
comment on column learn_proxy.shards.connection is 'Where it is, as libpq has it; no user and no password.';

create table if not exists learn_proxy.buckets (
  bucket integer primary key,
  shard  integer not null references learn_proxy.shards,
  constraint bucket_is_in_range check (bucket between 0 and 1023),
  constraint home_has_no_learners check (shard > 0)
);
comment on table learn_proxy.buckets is 'On which shard the learners of a bucket are. Their number, a power of 2, never changes.';

create table if not exists learn_proxy.pauses (
  bucket integer primary key references learn_proxy.buckets,
  since  timestamptz not null default clock_timestamp()
);
comment on table learn_proxy.pauses is 'Buckets that are being moved: calls for their learners wait, or are to come again.';

create table if not exists learn_proxy.gate (is_only_row boolean primary key default true check (is_only_row));
comment on table learn_proxy.gate is
  'Every routed call holds this table in row share mode: who has had it in exclusive mode, after pausing buckets, knows '
  'that no call for them is under way.';

reset role;
