-- Merging two accounts: home decides, and notes it for the shard of the one that stays. The rows of the one that goes are
-- packed on its shard, which is then rid of it, brought by the proxy, and merged there. Each step may be repeated: what
-- was packed is kept until it has been merged. Installed by `dbtool shards`, as superuser.

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

-- On home: makes two accounts one in the directory and the community, and notes it for the shard, with the profile that
-- came of it.
-- Errors: as learn.merge_users(); LX015 one of them is being registered.
create or replace function learn_shard.merge_users(p_from uuid, p_into uuid)
returns learn.award_summary
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_summary learn.award_summary;
begin
  if exists (select from learn_shard.claims c where c.user_id in (p_from, p_into)) then
    raise exception 'an account is being registered'
      using errcode = 'LX015', detail = format('p_from = %s, p_into = %s', p_from, p_into),
        hint = 'Call again in a moment. What a crash has left, `dbtool shards drain` finishes.';
  end if;
  perform set_config('learn_shard.is_silent', 'on', true);
  v_summary := learn.merge_users(p_from, p_into);
  perform set_config('learn_shard.is_silent', '', true);
  if not v_summary.replayed then
    insert into learn_shard.forwards (user_id, kind, payload)
    select p_into, 'merge', jsonb_build_object('from', p_from)
    union all
    select p_into, 'profile', jsonb_agg(a.attname)
    from pg_attribute a
    where a.attrelid = 'learn.users'::regclass and a.attnum > 0 and not a.attisdropped
      and a.attname <> all (learn_shard.own_columns());
  end if;
  return v_summary;
end;
$$;
comment on function learn_shard.merge_users(uuid, uuid) is
  'On home: makes two accounts one in the directory and the community, and notes it for the shard.';

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

-- On the shard that had it: what was packed of an account has been merged.
create or replace function learn_shard.forget_learner(p_user_id uuid, p_into uuid)
returns void
language plpgsql
volatile
security definer                  -- the proxy writes no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  delete from learn_shard.departed d where d.user_id = p_user_id;
  if found then
    perform learn_internal.audit('merge_users', 'user', p_user_id, jsonb_build_object('into', p_into));
  end if;
end;
$$;
comment on function learn_shard.forget_learner(uuid, uuid) is
  'On the shard that had it: what was packed of an account has been merged.';

-- On a shard, before it takes what home tells. Where an account is to be merged nobody else writes for learners, and
-- sequences go beyond the rows that it brings: what comes later has the larger id.
-- Errors: 55P03 learners were too busy.
create or replace function learn_shard.hold_for(p_forwards jsonb)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if not p_forwards @> '[{"kind": "merge"}]' then
    perform learn_internal.hold_content();
    return;
  end if;
  perform from learn_internal.turns t where t.name = 'partitions' for share;
  perform learn_internal.wait_for_learners('merge_users');
  perform learn_shard.raise_sequences(array_agg(s.name), array_agg(s.value))
  from (
    select pg_get_serial_sequence(b.key, a.attname) as name, max(nullif(r.value ->> a.attname, '')::bigint) as value
    from jsonb_array_elements(p_forwards) f
    cross join lateral jsonb_each(f.value #> '{payload,packed,tables}') b
    join pg_attribute a on a.attrelid = b.key::regclass and a.attidentity <> ''
    cross join lateral jsonb_array_elements(nullif(b.value, 'null')) r
    group by b.key, a.attname
  ) s
  having count(*) > 0;
end;
$$;
comment on function learn_shard.hold_for(jsonb) is
  'On a shard, before it takes what home tells: holds content, or learners and sequences where an account is merged.';

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
    select b.key::regclass as relation, b.value as rows
    from jsonb_each(p_packed -> 'tables') b
    where b.value <> 'null'
  loop
    if exists (
      select from jsonb_object_keys(v_table.rows -> 0) k(name)
      where k.name not in (select a.attname from pg_attribute a where a.attrelid = v_table.relation))
    then
      raise exception 'the account comes from a shard of a later release'
        using errcode = 'LX015', detail = format('table %s', v_table.relation), hint = 'Run `dbtool shards migrate`.';
    end if;
    v_columns := (
      select string_agg(quote_ident(a.attname), ', ') from pg_attribute a
      where a.attrelid = v_table.relation and a.attgenerated = '' and v_table.rows -> 0 ? a.attname);
    execute format('insert into %1$s (%2$s) overriding system value select %2$s from jsonb_populate_recordset(null::%1$s, $1)',
      v_table.relation, v_columns) using case v_table.relation
        when 'learn.users'::regclass then jsonb_build_array(v_table.rows -> 0 || jsonb_build_object(
          'username', 'merging ' || p_user_id, 'email', null, 'evm_address', null, 'hedera_account_id', null))
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

-- On the shard of the account that stays: merges the one that was brought into it. The caller holds what hold_for() holds.
-- Errors: LX015 it cannot be merged yet.
create or replace function learn_shard.take_merge(p_user_id uuid, p_merge jsonb)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_from   constant uuid := (p_merge ->> 'from')::uuid;
  v_packed constant jsonb := p_merge -> 'packed';
begin
  if coalesce(v_packed, '{}') = '{}' or exists (select from learn.users u where u.id = v_from)
    or not exists (select from learn.users u where u.id = p_user_id)
    or (v_packed ->> 'version')::bigint > (select a.version from learn_shard.applied_version a)
    or exists (
      select from jsonb_array_elements(nullif(v_packed #> '{tables,learn.period_standings}', 'null')) s
      where not exists (
        select from learn.closed_periods c
        where (c.metric, c.period, c.starts_on::text)
          = (s.value ->> 'metric', s.value ->> 'period', s.value ->> 'starts_on')))
  then
    raise exception 'the account cannot be merged yet'
      using errcode = 'LX015', detail = format('user %s into %s: rows, content or closed periods are not here', v_from, p_user_id),
        hint = 'Call again when learners have moved, `dbtool shards sync` has run, and close_period() is finished.';
  end if;
  -- Of a period that is being closed no shard has paid yet, as the other one has waited: it is frozen anew.
  with anew as (
    delete from learn_shard.frozen_periods p
    where (p.metric, p.period, p.starts_on) not in (select c.metric, c.period, c.starts_on from learn.closed_periods c)
    returning p.*
  )
  delete from learn_shard.frozen f using anew p
  where (f.metric, f.period, f.starts_on) = (p.metric, p.period, p.starts_on);
  perform learn_shard.unpack_learner(v_from, v_packed);
  perform learn_internal.tally_user(v_from, 1);
  perform learn.merge_users(v_from, p_user_id);
  perform learn_shard.forget_note(v_from);
  update learn_shard.answers a set user_id = p_user_id
  where a.user_id = v_from and not exists (
    select from learn_shard.answers o where o.user_id = p_user_id and o.key = a.key);
  delete from learn_shard.answers a where a.user_id = v_from;
end;
$$;
comment on function learn_shard.take_merge(uuid, jsonb) is
  'On the shard of the account that stays: merges the one that was brought into it.';

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

grant execute on function learn_shard.merge_users(uuid, uuid), learn_shard.pack_learner(uuid),
  learn_shard.forget_learner(uuid, uuid) to learn_router;

reset role;
revoke all on all functions in schema learn_shard from public;
