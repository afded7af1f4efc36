-- Packing the rows of an account that is merged into one of another shard, and unpacking them there, as they were.
-- Installed by `dbtool shards`, as superuser.

-- rows that are brought go past triggers, as in a move; learn_owner may have that, in the functions that say so
grant set on parameter session_replication_role to learn_owner;
alter function learn_shard.raise_sequences(text[], bigint[]) owner to learn_owner;

set role learn_owner;

create table if not exists learn_shard.departed (
  user_id   uuid primary key,
  packed    jsonb not null,
  packed_at timestamptz not null default clock_timestamp()
);
comment on table learn_shard.departed is
  'On a shard: accounts that home has merged into others, until the shards of these have taken their rows.';

-- On the shard of an account that home has merged into another: packs its rows, and the account is gone from here.
-- Again: the same. Nobody writes for learners meanwhile. Empty: it is not here, and will not be.
-- Errors: LX015 a period is being closed; 55P03 learners were too busy.
create or replace function learn_shard.pack_learner(p_user_id uuid)
returns jsonb
language plpgsql
volatile
security definer                  -- the proxy reads and writes no table
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set jit = off
as $$
declare
  v_table  record;
  v_rows   jsonb;
  v_packed jsonb := '{}';
begin
  perform from learn_internal.turns t where t.name = 'partitions' for share;
  perform learn_internal.wait_for_learners('merge_users');
  select d.packed into v_rows from learn_shard.departed d where d.user_id = p_user_id;
  if found then
    return v_rows;
  end if;
  insert into learn_shard.seats (user_id, is_refused) values (p_user_id, true)
  on conflict (user_id) do update set is_refused = true;
  if not exists (select from learn.users u where u.id = p_user_id) then
    return '{}';
  end if;
  if exists (
    select from learn_shard.frozen_periods p
    where (p.metric, p.period, p.starts_on) not in (select c.metric, c.period, c.starts_on from learn.closed_periods c))
  then
    raise exception 'a period is being closed'
      using errcode = 'LX015', detail = format('user %s stands on its board', p_user_id),
        hint = 'Call learn.close_period() again, which finishes it, then this.';
  end if;
  for v_table in
    select t.relation, format('t.%I = $1', t.learner) as condition
    from learn_shard.learner_tables() t
    join pg_class c on c.oid = t.relation
    where c.relnamespace <> 'learn_shard'::regnamespace or t.relation = 'learn_shard.answers'::regclass
    union all
    select 'learn.outbox', 't.completed_at is null and t.payload ->> ''user_id'' = $1::text'
  loop
    execute format('select jsonb_agg(to_jsonb(t)) from %s t where %s', v_table.relation, v_table.condition)
    into v_rows using p_user_id;
    v_packed := v_packed || jsonb_build_object(v_table.relation::text, v_rows);
  end loop;
  v_packed := jsonb_build_object('version', (select a.version from learn_shard.applied_version a), 'tables', v_packed);
  insert into learn_shard.departed (user_id, packed) values (p_user_id, v_packed);
  delete from learn.outbox o where o.completed_at is null and o.payload ->> 'user_id' = p_user_id::text;
  delete from learn_shard.answers a where a.user_id = p_user_id;
  delete from learn.users u where u.id = p_user_id;
  return v_packed;
end;
$$;
comment on function learn_shard.pack_learner(uuid) is
  'On a shard: packs the rows of an account that home has merged into another; the account is gone from here.';

-- Writes packed rows of a learner as they were, past triggers, without the names: the directory has given them away. What
-- refers to content that has been deleted since goes, as it would have gone.
create or replace function learn_shard.unpack_learner(p_user_id uuid, p_packed jsonb)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set session_replication_role = replica
set timezone = 'UTC'
set jit = off
as $$
declare
  v_table   record;
  v_columns text;
  v_count   bigint;
  v_sum     bigint;
begin
  for v_table in
    select to_regclass(b.key) as relation, b.key as name, b.value as rows
    from jsonb_each(p_packed -> 'tables') b
    where b.value <> 'null'
  loop
    if v_table.relation is null or exists (
      select from jsonb_object_keys(v_table.rows -> 0) k(name)
      where k.name not in (select a.attname from pg_attribute a where a.attrelid = v_table.relation))
    then
      raise exception 'the account comes from a shard of a later release'
        using errcode = 'LX015', detail = format('table %s', v_table.name), hint = 'Run `dbtool shards migrate`.';
    end if;
    v_columns := (
      select string_agg(quote_ident(a.attname), ', ') from pg_attribute a
      where a.attrelid = v_table.relation and a.attgenerated = '' and v_table.rows -> 0 ? a.attname);
    execute format('insert into %1$s (%2$s) overriding system value select %2$s from jsonb_populate_recordset(null::%1$s, $1)',
      v_table.relation, v_columns) using case v_table.relation
        when 'learn.users'::regclass then jsonb_build_array(v_table.rows -> 0 || jsonb_build_object(
          'username', 'merging ' || gen_random_uuid(), 'email', null, 'evm_address', null, 'hedera_account_id', null))
        else v_table.rows end;
  end loop;
  while (p_packed ->> 'version')::bigint <> (select a.version from learn_shard.applied_version a) loop
    v_sum := 0;
    for v_table in
      select k.conrelid::regclass as relation, format('t.%I = $1 and %s and not exists (select from %s p where %s)', l.learner,
          string_agg(format('t.%I is not null', c.attname), ' and '), k.confrelid::regclass,
          string_agg(format('p.%I = t.%I', r.attname, c.attname), ' and ')) as is_lost,
        case when k.confdeltype = 'n' then format('update %s t set %s', k.conrelid::regclass, string_agg(
            format('%I = null', c.attname), ', ') filter (where c.attnum = any (coalesce(k.confdelsetcols, k.conkey))))
          else format('delete from %s t', k.conrelid::regclass) end as statement
      from learn_shard.learner_tables() l
      join pg_constraint k on k.conrelid = l.relation and k.contype = 'f' and k.confrelid <> 'learn.users'::regclass
      cross join lateral unnest(k.conkey, k.confkey) u(mine, theirs)
      join pg_attribute c on c.attrelid = k.conrelid and c.attnum = u.mine
      join pg_attribute r on r.attrelid = k.confrelid and r.attnum = u.theirs
      where k.conparentid = 0
      group by k.oid, k.conrelid, k.confrelid, k.confdeltype, k.confdelsetcols, l.learner
    loop
      execute v_table.statement || ' where ' || v_table.is_lost using p_user_id;
      get diagnostics v_count = row_count;
      v_sum := v_sum + v_count;
    end loop;
    exit when v_sum = 0;
  end loop;
end;
$$;
comment on function learn_shard.unpack_learner(uuid, jsonb) is
  'Writes packed rows of a learner as they were, past triggers, without the names.';

-- Facts of accounts that become one get new ids: in the order in which they came in, each account's in its own. Ids of two
-- shards are not in order, and which submission was the first, say, is told by them. The caller lets nobody write for learners.
create or replace function learn_shard.number_facts(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set session_replication_role = replica
set jit = off
as $$
declare
  v_old     bigint[];
  v_new     bigint[];
  v_columns text := (
    select string_agg(quote_ident(a.attname), ', ') from pg_attribute a
    where a.attrelid = 'learn.activity_log'::regclass and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
      and a.attname <> 'id');
begin
  select array_agg(n.id), array_agg(n.new_id) into v_old, v_new
  from (
    select f.id, nextval('learn.activity_log_id_seq') as new_id
    from (
      -- a call that has waited for another of its learner's began before it
      select o.user_id, o.id, max(o.recorded_at) over (partition by o.user_id order by o.id) as came_at
      from learn_internal.all_facts o
      where o.user_id = any (p_user_ids)
      order by came_at, o.user_id, o.id
    ) f
  ) n;
  execute format('with gone as ('
      ' delete from learn.activity_log l using unnest($2, $3) n(old_id, new_id)'
      ' where l.user_id = any ($1) and l.id = n.old_id returning l.*, n.new_id)'
      ' insert into learn.activity_log (id, %1$s) overriding system value select new_id, %1$s from gone', v_columns)
  using p_user_ids, v_old, v_new;
  update learn_internal.archived_facts a
  set id = array(
    select n.new_id from unnest(a.id) with ordinality o(id, place)
    join unnest(v_old, v_new) n(old_id, new_id) on n.old_id = o.id
    order by o.place)
  where a.user_id = any (p_user_ids);
  update learn_internal.withdrawn_facts w set fact_id = n.new_id
  from unnest(v_old, v_new) n(old_id, new_id)
  where w.user_id = any (p_user_ids) and w.fact_id = n.old_id;
  update learn.notifications o set fact_id = n.new_id
  from unnest(v_old, v_new) n(old_id, new_id)
  where o.user_id = any (p_user_ids) and o.fact_id = n.old_id;
end;
$$;
comment on function learn_shard.number_facts(uuid[]) is
  'Gives facts of accounts that become one new ids, in the order in which they came in.';

-- Posts are home's. While two accounts become one, the shard has those discussions of one in which the other's solution was
-- accepted: nobody is paid for one in a discussion of their own.
create or replace function learn_shard.lend_discussions(p_discussions jsonb, p_are_there boolean)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set session_replication_role = replica
as $$
begin
  if p_are_there then
    insert into learn.discussions (id, author_id, title, content) overriding system value
    select d.id, d.author_id, 'lent', 'lent' from jsonb_to_recordset(p_discussions) d(id bigint, author_id uuid);
  else
    delete from learn.discussions d
    where d.id in (select o.id from jsonb_to_recordset(p_discussions) o(id bigint));
  end if;
end;
$$;
comment on function learn_shard.lend_discussions(jsonb, boolean) is
  'While two accounts become one: the discussions of one in which the other''s solution was accepted, or takes them away.';

-- What is noted of a learner is where the learner was: see forget_learner().
create or replace function learn_shard.forget_note(p_user_id uuid)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set session_replication_role = replica
as $$
begin
  delete from learn.audit_log a where a.about_user = p_user_id and a.created_at = now();
end;
$$;
comment on function learn_shard.forget_note(uuid) is
  'Takes back what this transaction has noted of a learner who was merged.';

grant execute on function learn_shard.pack_learner(uuid) to learn_router;

reset role;
