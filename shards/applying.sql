-- What apply_content() does on a shard: see content.sql.

set role learn_owner;

-- The part of apply_content() that writes: rows that are new or differ, those that others refer to first, then rows that are
-- gone are deleted, the other way round. Returns how many.
create or replace function learn_shard.merge_content()
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set jit = off
as $$
declare
  v_table   record;
  v_columns text[];
  v_rest    text[];
  v_where   text;
  v_is_due  boolean;
  v_count   bigint;
  v_sum     bigint := 0;
begin
  for v_table in
    select t.name, t.key, c.relname from learn_shard.content_tables() t join pg_class c on c.oid = t.name
  loop
    -- columns that both sides know: releases that follow one another can be side by side
    v_columns := array(
      select a.attname::text
      from pg_attribute a
      where a.attrelid = v_table.name and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        and a.attname <> all (learn_internal.kept_columns()) and exists (
          select from learn_shard.content c
          where c.table_name = v_table.relname and c.content ? a.attname)
      order by a.attnum);
    continue when v_columns = '{}';
    v_where := format(
      ' from learn_shard.content c cross join lateral jsonb_populate_record(null::%1$s, c.content) n'
      ' left join %1$s o on %2$s'
      ' where c.table_name = $1 and (o.* is null or to_jsonb(o) - $2 <> to_jsonb(n) - $2)',
      v_table.name, (select string_agg(format('o.%1$I = n.%1$I', k), ' and ') from unnest(v_table.key) k));
    v_rest := array(
      select a.attname::text from pg_attribute a
      where a.attrelid = v_table.name and a.attnum > 0 and a.attname <> all (v_columns));
    execute format('select exists (select %s)', v_where) into v_is_due using v_table.relname, v_rest;
    continue when not v_is_due;
    -- those that are there first: names change hands
    execute format(
      'insert into %1$s as t (%2$s) overriding system value select %3$s %4$s order by o.* is null, %5$s'
      ' on conflict (%6$s) do %7$s',
      v_table.name, (select string_agg(quote_ident(c), ', ') from unnest(v_columns) c),
      (select string_agg(format('n.%I', c), ', ') from unnest(v_columns) c), v_where,
      (select string_agg(format('n.%I', k), ', ') from unnest(v_table.key) k),
      (select string_agg(quote_ident(k), ', ') from unnest(v_table.key) k),
      coalesce('update set ' || (select string_agg(format('%1$I = excluded.%1$I', c), ', ')
        from unnest(v_columns) c where c <> all (v_table.key)), 'nothing'))
    using v_table.relname, v_rest;
    get diagnostics v_count = row_count;
    v_sum := v_sum + v_count;
  end loop;
  for v_table in
    select t.name, t.key, c.relname
    from learn_shard.content_tables() t join pg_class c on c.oid = t.name
    order by t.place desc
  loop
    execute format('select exists (select from %1$s t where not exists ('
        ' select from learn_shard.content c where c.table_name = $1 and c.key = jsonb_build_array(%2$s)::text))',
      v_table.name, (select string_agg(format('t.%I', k), ', ') from unnest(v_table.key) k))
    into v_is_due using v_table.relname;
    continue when not v_is_due;
    execute format('delete from %1$s t where not exists ('
        ' select from learn_shard.content c where c.table_name = $1 and c.key = jsonb_build_array(%2$s)::text)',
      v_table.name, (select string_agg(format('t.%I', k), ', ') from unnest(v_table.key) k))
    using v_table.relname;
    get diagnostics v_count = row_count;
    v_sum := v_sum + v_count;
  end loop;
  return v_sum;
end;
$$;
comment on function learn_shard.merge_content() is
  'The part of apply_content() that writes rows of content, and deletes those that are gone; returns how many.';

-- Drops what makes values of content unique besides the primary keys, until the transaction makes it again: returns how.
create or replace function learn_shard.drop_keys()
returns text[]
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_key  record;
  v_made text[] := '{}';
begin
  for v_key in
    select t.name as relation, i.indexrelid::regclass::text as index, k.conname, obj_description(i.indexrelid, 'pg_class') as said,
      case when k.oid is null then pg_get_indexdef(i.indexrelid)
        else format('alter table %s add constraint %I %s', t.name, k.conname, pg_get_constraintdef(k.oid)) end as made
    from learn_shard.content_tables() t
    join pg_index i on i.indrelid = t.name and i.indisunique and not i.indisprimary
    left join pg_constraint k on k.conindid = i.indexrelid and k.contype = 'u'
    where not exists (select from pg_constraint f where f.conindid = i.indexrelid and f.contype = 'f')  -- they have the key
    order by 2
  loop
    execute case when v_key.conname is null then format('drop index %s', v_key.index)
      else format('alter table %s drop constraint %I', v_key.relation, v_key.conname) end;
    v_made := v_made || v_key.made;
    if v_key.said is not null then
      v_made := v_made || format('comment on index %s is %L', v_key.index, v_key.said);
    end if;
  end loop;
  return v_made;
end;
$$;
comment on function learn_shard.drop_keys() is
  'Drops what makes values of content unique besides the primary keys; returns the statements that make it again.';

reset role;
