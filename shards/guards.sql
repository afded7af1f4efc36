-- Moving learners from one shard to another while they learn: what both shards need for it. docs/scaling.md says how.
-- Installed by `dbtool shards`, as superuser; nothing here is for backends.

create schema if not exists learn_shard authorization learn_owner;
set role learn_owner;

-- What a shard that gives or takes learners knows of it: one row while a move is under way, else none.
create table if not exists learn_shard.moves (
  is_only_row boolean primary key default true,
  number      bigint not null,
  buckets     integer[] not null,
  of_buckets  integer not null,
  state       text not null,
  began_at    timestamptz not null default now(),
  constraint there_is_one_move check (is_only_row),
  constraint buckets_are_named check (buckets <> '{}' and 0 <= all (buckets) and of_buckets > all (buckets)),
  constraint state_is_known check (state in ('leaving', 'left', 'arriving', 'arrived', 'given up'))
);
alter table learn_shard.moves add column if not exists messages bytea;
comment on column learn_shard.moves.messages is
  'On a shard whose learners have left: the open messages of the outbox that went with them, for the case of a return.';
comment on table learn_shard.moves is
  'The move of learners in which the shard takes part. leaving, arrived: they write here; who holds the table exclusively '
  'has them wait. left: they write elsewhere. arriving: they do not write here yet, and, given up, never will.';

create table if not exists learn_shard.gone (
  bucket     integer primary key,
  of_buckets integer not null
);
comment on table learn_shard.gone is
  'On a shard: buckets of learners who have moved to another one; a proxy that does not know yet may still ask here.';

-- Refuses what is about a learner whom this shard has not because the bucket has left: such a learner is not new here, and
-- was not erased. To be asked after a guarded row was written, so that no move is between.
-- Errors: LX015.
create or replace function learn_shard.require_here(p_user_id uuid)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from learn_shard.gone g where g.bucket = uuid_hash(p_user_id) & (g.of_buckets - 1)) then
    raise exception 'the learner is on another shard'
      using errcode = 'LX015', detail = format('p_user_id = %s', p_user_id),
        hint = 'Make the call again in a moment. Where this goes on, the proxy was left out of a move: see docs/scaling.md.';
  end if;
end;
$$;
comment on function learn_shard.require_here(uuid) is 'Refuses learners whose bucket has left this shard (LX015).';

-- The tables of learners, and the column that says whose a row is: found in the catalog, by keys that begin with a
-- learner. Boards are left out: they are counted anew from the facts.
create or replace function learn_shard.learner_tables()
returns table (relation regclass, learner name)
language sql
stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  select c.oid::regclass, a.attname
  from pg_class c
  join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('learn', 'learn_internal', 'learn_shard')
  join pg_index i on i.indrelid = c.oid and i.indisprimary
  join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
  where c.relkind in ('r', 'p') and not c.relispartition
    and (a.attname = 'user_id' or c.oid = 'learn.users'::regclass)
    and c.oid not in ('learn_internal.board_gains'::regclass, 'learn_internal.board_scores'::regclass)
  order by c.oid <> 'learn.users'::regclass, c.oid::regclass::text;
$$;
comment on function learn_shard.learner_tables() is 'The tables of learners, and the column that says whose a row is.';

-- The condition, in SQL, that a column's learner is in one of these buckets: for publications, triggers and queries.
create or replace function learn_shard.in_buckets(p_column text, p_buckets integer[], p_of integer)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select format('(uuid_hash(%s) & %s) = any (%L::integer[])', p_column, p_of - 1, p_buckets)
$$;
comment on function learn_shard.in_buckets(text, integer[], integer) is
  'The condition, in SQL, that a column''s learner is in one of these buckets.';

-- Whether a text names a learner of these buckets; a message of the outbox may have any.
create or replace function learn_shard.names_one_of(p_text text, p_buckets integer[], p_of integer)
returns boolean
language sql
immutable
set search_path = pg_catalog, pg_temp
as $$
  select (uuid_hash(case
    when p_text ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then p_text::uuid
  end) & (p_of - 1)) = any (p_buckets) is true
$$;
comment on function learn_shard.names_one_of(text, integer[], integer) is
  'Whether a text names a learner of these buckets.';

-- When a row of a learner who moves is written: it waits while the hand-over is under way, for the lock of the table,
-- which is before the snapshot of the statement that reads it. An older snapshot is told to begin again.
-- Errors: LX015 the learner is elsewhere now, or not here yet; 40001.
create or replace function learn_shard.hold_mover()
returns trigger
language plpgsql
volatile
security definer                  -- no app role reads the table
set search_path = pg_catalog, pg_temp
as $$
declare
  v_state text;
begin
  if current_setting('transaction_isolation') = 'read committed' then
    select m.state into v_state from learn_shard.moves m;
  else
    select m.state into v_state from learn_shard.moves m for share;
    if not found then
      raise exception 'this transaction began before the learner''s move'
        using errcode = '40001', detail = format('table %s.%s', tg_table_schema, tg_table_name),
          hint = 'Make it again.';
    end if;
  end if;
  if v_state in ('left', 'arriving', 'given up') then
    raise exception 'the learner is on another shard'
      using errcode = 'LX015', detail = format('table %s.%s, the learner''s bucket: %s',
          tg_table_schema, tg_table_name, v_state),
        hint = 'Make the call again, with its idempotency key, in a moment.';
  end if;
  return case tg_op when 'DELETE' then old else new end;
end;
$$;
comment on function learn_shard.hold_mover() is
  'Trigger: has learners who move to another shard wait, and refuses them where they are not (LX015).';

-- Puts the triggers onto one table, so that rows of moving learners are held, or takes them off where there is no move.
create or replace function learn_shard.guard(p_relation regclass, p_learner name)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_move learn_shard.moves;
begin
  select * into v_move from learn_shard.moves;
  execute format('lock table %s in access exclusive mode', p_relation);  -- a log before its partitions, as writers do
  execute format('drop trigger if exists a_mover_is_held on %s', p_relation);
  execute format('drop trigger if exists a_mover_is_held_back on %s', p_relation);
  if v_move.number is null then
    return;
  end if;
  execute format(
    'create trigger a_mover_is_held before insert or update on %s for each row when (%s) '
    'execute function learn_shard.hold_mover()',
    p_relation, learn_shard.in_buckets(format('new.%I', p_learner), v_move.buckets, v_move.of_buckets));
  execute format(
    'create trigger a_mover_is_held_back before delete on %s for each row when (%s) '
    'execute function learn_shard.hold_mover()',
    p_relation, learn_shard.in_buckets(format('old.%I', p_learner), v_move.buckets, v_move.of_buckets));
end;
$$;
comment on function learn_shard.guard(regclass, name) is
  'Has rows of moving learners held in one table, or not any more where no move is under way.';

reset role;
revoke all on all functions in schema learn_shard from public;
