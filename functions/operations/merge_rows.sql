-- Brings a table up to date with rows that describe it, as seeds do: adds those that are missing and
-- updates those that differ, in one statement. Where nothing differs there is no statement at all,
-- so that no trigger fires: a change of content or rules blocks learners even when it is empty.
-- The rows are JSON objects with the same keys, which name the columns.
create or replace function learn_internal.merge_rows(
  p_table regclass,
  p_key   text[],                 -- columns by which a row is found
  p_rows  jsonb,
  p_keep  text[] default '{}'     -- columns that stay as they are where the row is there
)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_columns  text;
  v_compared text;
  v_key      text;
  v_changes  text;
  v_differs  text;
  v_is_due   boolean;
  v_count    bigint;
begin
  select string_agg(quote_ident(c.name), ', '),
    string_agg(quote_ident(c.name), ', ') filter (where c.name <> all (p_keep)),
    string_agg(quote_ident(c.name), ', ') filter (where c.name = any (p_key)),
    string_agg(format('%1$I = excluded.%1$I', c.name), ', ')
      filter (where c.name <> all (p_key || p_keep))
  into v_columns, v_compared, v_key, v_changes
  from jsonb_object_keys(p_rows -> 0) c(name);
  if v_columns is null then
    return 0;
  end if;

  v_differs := format(
    'select %1$s from jsonb_populate_recordset(null::%2$s, $1) except select %1$s from %2$s',
    v_compared, p_table);
  execute format('select exists (%s)', v_differs) into v_is_due using p_rows;
  if not v_is_due then
    return 0;
  end if;

  execute format(
    'insert into %1$s (%2$s) '
    'select %2$s from jsonb_populate_recordset(null::%1$s, $1) with ordinality '
    'where (%3$s) in (select %3$s from (%4$s) d) order by ordinality '
    'on conflict (%3$s) do %5$s',
    p_table, v_columns, v_key, v_differs, coalesce('update set ' || v_changes, 'nothing'))
  using p_rows;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function learn_internal.merge_rows(regclass, text[], jsonb, text[]) is
  'Adds rows that are missing and updates those that differ; touches nothing where none does. '
  'Returns how many.';
