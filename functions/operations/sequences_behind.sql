-- Sequences that are behind the ids of their table, as after a move of rows that forgot them: exact where an index leads to
-- the largest id, else by the last ANALYZE. Read it as learn.health.
create or replace function learn_internal.sequences_behind()
returns table (sequence text, relation text, is_at bigint, largest_id bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
as $$
declare
  v record;
begin
  for v in
    select c.oid, c.oid::regclass::text as name, a.attname as id, a.attnum as number,
      pg_get_serial_sequence(c.oid::regclass::text, a.attname) as sequence
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and not c.relispartition
    where c.relnamespace in ('learn'::regnamespace, 'learn_internal'::regnamespace) and a.attidentity <> ''
  loop
    if exists (
      select from pg_index i
      where i.indrelid = v.oid and i.indkey[0] = v.number and i.indisvalid and i.indpred is null)
    then
      execute format('select max(t.%I) from %s t', v.id, v.name) into largest_id;
    else
      select max(b.value::bigint) into largest_id
      from pg_partition_tree(v.oid) p
      join pg_class l on l.oid = p.relid and p.isleaf
      join pg_stats s on s.schemaname = l.relnamespace::regnamespace::text and s.tablename = l.relname and s.attname = v.id
      cross join unnest(s.histogram_bounds::text::text[] || s.most_common_vals::text::text[]) b(value);
    end if;
    sequence := v.sequence;
    relation := v.name;
    execute format('select s.last_value - (not s.is_called)::integer from %s s', v.sequence) into is_at;
    if largest_id > is_at then
      return next;
    end if;
  end loop;
end;
$$;
comment on function learn_internal.sequences_behind() is
  'Sequences that are behind the ids of their table. Read it as learn.health.';
