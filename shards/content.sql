-- Content and rules: edited on home, published there row by row, replicated, and applied on each shard by ordinary statements.

set role learn_owner;

-- The tables of content and rules, those that others refer to first: tables of learn without a learner. Of these users are
-- the learners; closed_periods belong to boards, the outbox to what happened, and reviews to the editors.
create or replace function learn_shard.content_tables()
returns table (name regclass, key text[], place integer)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  with recursive tables as (
    select c.oid
    from pg_class c
    where c.relnamespace = 'learn'::regnamespace and c.relkind = 'r' and not c.relispartition
      and c.relname not in ('users', 'closed_periods', 'outbox', 'content_reviews')
      and not exists (
        select from pg_attribute a
        where a.attrelid = c.oid and a.attname in ('user_id', 'author_id', 'about_user') and not a.attisdropped)
  ), depths as (
    select t.oid, 0 as depth from tables t
    union
    select t.oid, d.depth + 1
    from depths d
    join (
      select k.conrelid as oid, k.confrelid as needs from pg_constraint k where k.contype = 'f' and k.conrelid <> k.confrelid
      union all
      select 'learn.achievements'::regclass, 'learn.metrics'::regclass  -- criteria name metrics
    ) k on k.needs = d.oid
    join tables t on t.oid = k.oid
  )
  select d.oid::regclass, (
      select array_agg(a.attname::text order by u.place)
      from pg_index i
      cross join lateral unnest(i.indkey::int2[]) with ordinality u(number, place)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.number
      where i.indrelid = d.oid and i.indisprimary), max(d.depth)
  from depths d
  group by d.oid
  order by max(d.depth), d.oid::regclass::text;
$$;
comment on function learn_shard.content_tables() is
  'The tables of content and rules with their keys, those that others refer to first.';

-- On home: writes what has changed in content and rules to learn_shard.content, from where it is replicated. Returns the
-- version.
create or replace function learn_shard.publish_content()
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set jit = off
as $$
declare
  v_table record;
  v_count bigint;
  v_sum   bigint := 0;
begin
  perform learn_internal.hold_content();
  insert into learn_shard.content_version (version, published_at) values (0, clock_timestamp()) on conflict do nothing;
  perform from learn_shard.content_version for update;
  for v_table in select t.name, t.key, c.relname from learn_shard.content_tables() t join pg_class c on c.oid = t.name loop
    execute format(
      'with now_is as (select jsonb_build_array(%1$s)::text as key, to_jsonb(t) - $2 as content from %2$s t), gone as ('
      ' delete from learn_shard.content c where c.table_name = $1 and not exists ('
      ' select from now_is n where n.key = c.key) returning 1), written as ('
      ' insert into learn_shard.content as c (table_name, key, content) select $1, n.key, n.content from now_is n'
      ' on conflict (table_name, key) do update set content = excluded.content where c.content <> excluded.content'
      ' returning 1) select (select count(*) from gone) + (select count(*) from written)',
      (select string_agg(format('t.%I', k), ', ') from unnest(v_table.key) k), v_table.name)
    into v_count
    using v_table.relname, learn_internal.kept_columns() || array(
      select a.attname::text from pg_attribute a where a.attrelid = v_table.name and a.attgenerated <> '');
    v_sum := v_sum + v_count;
  end loop;
  if v_sum > 0 then
    update learn_shard.content_version set version = version + 1, published_at = clock_timestamp();
  end if;
  return (select version from learn_shard.content_version);
end;
$$;
comment on function learn_shard.publish_content() is
  'On home: writes what has changed in content and rules to where it is replicated from; returns the version.';

-- On a shard: brings content and rules to what was replicated, by ordinary statements, so that all rules of Laurel and its
-- recounts work as for any other edit. Where nothing differs no statement is run. Returns how many rows it wrote.
-- Errors: LX015 learners are being moved from or to this shard.
create or replace function learn_shard.apply_content()
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set jit = off
as $$
declare
  v_version bigint;
  v_keys    text[];
  v_key     text;
  v_sum     bigint;
begin
  if exists (select from learn_shard.moves) then
    raise exception 'content waits until learners have moved'
      using errcode = 'LX015', detail = (select format('move %s', m.number) from learn_shard.moves m),
        hint = 'Call again when `dbtool shards split` or `rebalance` has ended.';
  end if;
  perform set_config('learn_shard.applying', 'on', true);
  perform from learn_internal.turns t where t.name = 'content' for update;
  select c.version into v_version from learn_shard.content_version c for share;
  if v_version is null or v_version = (select a.version from learn_shard.applied_version a) then
    perform set_config('learn_shard.applying', '', true);
    return 0;
  end if;
  begin
    v_sum := learn_shard.merge_content();
  exception
    when unique_violation then      -- names change hands in a circle, say: unique keys are off until all is there
      perform learn_internal.wait_for_learners('apply_content');
      v_keys := learn_shard.drop_keys();
      v_sum := learn_shard.merge_content();
      set constraints all immediate;
      foreach v_key in array v_keys loop
        execute v_key;
      end loop;
  end;
  -- content is numbered by home; the sequences follow, in case that this becomes a database of its own
  perform setval(s.oid, m.id)
  from learn_shard.content_tables() t
  join pg_attribute a on a.attrelid = t.name and a.attidentity <> ''
  cross join lateral (select pg_get_serial_sequence(t.name::text, a.attname)::regclass as oid) s
  join (select c.table_name, max((c.content ->> 'id')::bigint) as id from learn_shard.content c group by c.table_name) m
    on 'learn.' || m.table_name = t.name::text
  where m.id > coalesce(pg_sequence_last_value(s.oid), 0);
  insert into learn_shard.applied_version (version, applied_at) values (v_version, clock_timestamp())
  on conflict (is_only_row) do update set version = excluded.version, applied_at = excluded.applied_at;
  perform set_config('learn_shard.applying', '', true);
  return v_sum;
end;
$$;
comment on function learn_shard.apply_content() is
  'On a shard: brings content and rules to what home has published, by ordinary statements; returns how many rows.';

-- Where Laurel's tables tell the rest of the cluster. Content is home's; learners come by the proxy.
create or replace function learn_shard.refuse_content()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(current_setting('learn_shard.applying', true), '') = 'on' then
    return null;
  end if;
  raise exception 'content and rules are edited on home'
    using errcode = 'LX010', detail = format('%s of %s on a shard', lower(tg_op collate "C"), tg_relid::regclass),
      hint = 'Edit it there; `dbtool shards sync` brings it here.';
end;
$$;
comment on function learn_shard.refuse_content() is 'Trigger on shards: content and rules are edited on home (LX010).';

create or replace function learn_shard.refuse_learners()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'learners come by the proxy'
    using errcode = 'LX010', detail = 'insert into learn.users of one of several databases',
      hint = 'Call learn.register_user() on the proxy: names are claimed in the directory first.';
end;
$$;
comment on function learn_shard.refuse_learners() is 'Trigger: learners are registered by the proxy (LX010).';

reset role;
