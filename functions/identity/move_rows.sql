-- Moves the rows of one account to another, of every table that the catalog has, in one statement: so foreign keys
-- between them hold before and after. A row whose place is taken (by any unique index) stays, and goes with the
-- account: combine_rows() has made the best of both. Returns how many have moved, by table.
create or replace function learn_internal.move_rows(p_from uuid, p_into uuid)
returns jsonb
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_updates text;
  v_counts  text;
  v_moved   jsonb;
begin
  select string_agg(format('m%s as (update %s m set %I = $2 where m.%I = $1%s returning 1)',
      t.number, t.oid::regclass, t.key, t.key, t.taken), ', ' order by t.number),
    string_agg(format('select %L, count(*) from m%s', t.name, t.number), ' union all ' order by t.number)
  into v_updates, v_counts
  from (
    select c.oid, c.relname as name, a.attname as key, row_number() over (order by c.relnamespace, c.relname) as number,
      coalesce((
        select string_agg(format(' and not (%s and exists (select from %s o where o.%I = $2%s and %s))',
          p.predicate, c.oid::regclass, a.attname, k.columns, p.predicate), '')
        from pg_index i
        cross join lateral (
          select coalesce(string_agg(format(
              case when i.indnullsnotdistinct then ' and o.%I is not distinct from m.%I' else ' and o.%I = m.%I' end,
              o.attname, o.attname), ''), '') as columns,
            bool_or(o.attidentity <> '') as has_identity
          from pg_attribute o
          where o.attrelid = c.oid and o.attnum = any (i.indkey) and o.attnum <> a.attnum
        ) k
        cross join lateral (select coalesce(pg_get_expr(i.indpred, i.indrelid), 'true') as predicate) p
        where i.indrelid = c.oid and i.indisunique and a.attnum = any (i.indkey) and i.indexprs is null
          and k.has_identity is not true), '') as taken
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p') and not c.relispartition
    where c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace)
      and a.attname in ('user_id', 'author_id') and not a.attisdropped
      and c.oid <> all (learn_internal.rebuilt_tables()::oid[])
      and c.oid not in ('learn.activity_log'::regclass, 'learn.xp_transactions'::regclass)  -- move_facts()
  ) t;
  execute format('with %s select coalesce(jsonb_object_agg(c.name, c.rows) filter (where c.rows > 0), ''{}'')'
    ' from (%s) c(name, rows)', v_updates, v_counts)
  into v_moved using p_from, p_into;
  return v_moved;
end;
$$;
comment on function learn_internal.move_rows(uuid, uuid) is
  'Moves the rows of one account to another, of every table that is not rebuilt and whose place is not taken; how many, by table.';
