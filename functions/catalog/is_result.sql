-- Whether a document is the result of a query: {"columns": ["name"], "rows": [["pen"], …]}, as many values in
-- each row as there are columns, none of them a list or an object; "is_ordered" is true or false.
create or replace function learn_internal.is_result(p_result jsonb)
returns boolean
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select p_result is null or case
    when jsonb_typeof(p_result) = 'object' and jsonb_typeof(p_result -> 'columns') = 'array'
      and jsonb_typeof(p_result -> 'rows') = 'array'
    then p_result - '{columns,rows,is_ordered}'::text[] = '{}'
      and coalesce(jsonb_typeof(p_result -> 'is_ordered'), 'boolean') = 'boolean'
      and jsonb_array_length(p_result -> 'columns') > 0
      and not jsonb_path_exists(p_result, 'strict $.columns[*] ? (@.type() != "string")')
      and not jsonb_path_exists(p_result, 'strict $.rows[*] ? (@.type() != "array")')
      and not jsonb_path_exists(p_result, 'strict $.rows[*][*] ? (@.type() == "array" || @.type() == "object")')
      and not jsonb_path_exists(p_result, 'strict $.rows[*] ? (@.size() != $n)',
        jsonb_build_object('n', jsonb_array_length(p_result -> 'columns')))
    else false
  end;
$$;
comment on function learn_internal.is_result(jsonb) is
  'Whether a document is the result of a query: columns and rows of as many values.';
