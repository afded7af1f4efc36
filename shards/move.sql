-- Moving learners from one shard to another: publishing, removing and counting on, past guards.sql. Installed by `dbtool
-- shards`; a superuser's, as rows go past triggers.

-- Publishes the rows of the learners who move, and nobody else's; what is noted about them in audit_log, which is only
-- ever added to, in a publication of its own, as its key does not say whom it is about.
create or replace function learn_shard.publish_movers()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_move learn_shard.moves;
begin
  select * into strict v_move from learn_shard.moves;
  execute format('drop publication if exists laurel_move_%s', v_move.number);
  execute format('drop publication if exists laurel_move_%s_audit', v_move.number);
  execute (
    select format(
      'create publication laurel_move_%s for table %s '
      'with (publish = ''insert, update, delete'', publish_via_partition_root = true)',
      v_move.number, string_agg(format('%s where (%s)', t.relation,
        learn_shard.in_buckets(quote_ident(t.learner), v_move.buckets, v_move.of_buckets)), ', '))
    from learn_shard.learner_tables() t);
  execute format(
    'create publication laurel_move_%s_audit for table learn.audit_log where (%s) '
    'with (publish = ''insert'', publish_via_partition_root = true)',
    v_move.number, learn_shard.in_buckets('about_user', v_move.buckets, v_move.of_buckets));
end;
$$;
comment on function learn_shard.publish_movers() is 'Publishes the rows of the learners who move.';

-- The next learners of the move, in order of their ids.
create or replace function learn_shard.movers(p_after uuid, p_limit integer)
returns uuid[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  return (
    select coalesce(array_agg(n.id), '{}')
    from (
      select u.id
      from learn.users u
      cross join learn_shard.moves m
      where (p_after is null or u.id > p_after) and (uuid_hash(u.id) & (m.of_buckets - 1)) = any (m.buckets)
      order by u.id
      limit p_limit
    ) n);
end;
$$;
comment on function learn_shard.movers(uuid, integer) is 'The next learners of the move, in order of their ids.';

-- Takes learners off the boards here; stretches follow by their triggers.
create or replace function learn_shard.leave_boards(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform from learn_internal.turns t where t.name = 'boards' for update;
  delete from learn_internal.board_gains g where g.user_id = any (p_user_ids);
  delete from learn_internal.board_scores s where s.user_id = any (p_user_ids);
end;
$$;
comment on function learn_shard.leave_boards(uuid[]) is 'Takes learners off the boards here.';

-- Removes every row of learners, past all triggers: nothing is paid, counted or refused. Their boards first.
create or replace function learn_shard.remove_learners(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set session_replication_role = replica
set plan_cache_mode = force_custom_plan
set jit = off
as $$
declare
  v_table record;
begin
  for v_table in
    select t.relation, t.learner from learn_shard.learner_tables() t
    union all
    select 'learn.audit_log'::regclass, 'about_user'
    union all
    select 'learn_internal.integrity_findings'::regclass, 'about_user'
  loop
    execute format('delete from %s t where t.%I = any ($1)', v_table.relation, v_table.learner) using p_user_ids;
  end loop;
end;
$$;
comment on function learn_shard.remove_learners(uuid[]) is 'Removes every row of learners, past all triggers.';

-- Removes the rows of all learners of the move from one table, past all triggers: where they never came to write.
create or replace function learn_shard.empty_table(p_relation regclass, p_learner name)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set session_replication_role = replica
set jit = off
as $$
begin
  execute (
    select format('delete from %s where %s', p_relation,
      learn_shard.in_buckets(quote_ident(p_learner), m.buckets, m.of_buckets))
    from learn_shard.moves m
    where m.state in ('arriving', 'given up'));
end;
$$;
comment on function learn_shard.empty_table(regclass, name) is
  'Removes the rows of all learners of the move from one table, where they never came to write.';

-- Removes what names learners of the move without being keyed by them: messages, and (p_audit) what is noted of them,
-- those who are erased included.
create or replace function learn_shard.forget_messages(p_audit boolean)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set session_replication_role = replica
set jit = off
as $$
declare
  v_move  learn_shard.moves;
  v_table record;
begin
  select * into strict v_move from learn_shard.moves;
  delete from learn.outbox o
  where learn_shard.names_one_of(o.payload ->> 'user_id', v_move.buckets, v_move.of_buckets);
  if p_audit then  -- and what the cluster keeps of learners who are not there
    for v_table in
      select t.relation, t.learner
      from learn_shard.learner_tables() t
      join pg_class c on c.oid = t.relation and c.relnamespace = 'learn_shard'::regnamespace
    loop
      execute format('delete from %s where %s', v_table.relation,
        learn_shard.in_buckets(quote_ident(v_table.learner), v_move.buckets, v_move.of_buckets));
    end loop;
    delete from learn.audit_log a
    where (uuid_hash(a.about_user) & (v_move.of_buckets - 1)) = any (v_move.buckets);
  end if;
end;
$$;
comment on function learn_shard.forget_messages(boolean) is
  'Removes messages of learners of the move, and (p_audit) what is noted of them.';

-- How far the sequences of a shard have come.
create or replace function learn_shard.sequences()
returns table (sequence text, value bigint)
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  select format('%I.%I', s.schemaname, s.sequencename), s.last_value
  from pg_sequences s
  where s.schemaname in ('learn', 'learn_internal') and s.last_value is not null
$$;
comment on function learn_shard.sequences() is 'How far the sequences of a shard have come.';

-- Brings sequences beyond those of another shard, in steps of their own: what comes later has the larger id. A step is
-- seen in the sequence itself, also where nothing was taken from it yet.
create or replace function learn_shard.raise_sequences(p_sequences text[], p_values bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v record;
begin
  for v in
    select g.sequence, g.value, s.seqincrement as step
    from unnest(p_sequences, p_values) g(sequence, value)
    join pg_sequence s on s.seqrelid = to_regclass(g.sequence)
  loop
    execute format(
      'select setval(%1$L, s.last_value + $2 * (($1 - s.last_value + $2 - 1) / $2)) from %1$s s where s.last_value < $1',
      v.sequence) using v.value, v.step;
  end loop;
end;
$$;
comment on function learn_shard.raise_sequences(text[], bigint[]) is
  'Brings sequences beyond those of another shard, in steps of their own.';

revoke all on all functions in schema learn_shard from public;
