-- Whether merge_users() is under way: rows may change hands then. The setting says so for next to nothing; that it is
-- true says the context, which nobody can set.
create or replace function learn_internal.is_merging()
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_context text;
begin
  if coalesce(current_setting('learn_internal.merging', true), '') <> 'yes' then
    return false;
  end if;
  get diagnostics v_context = pg_context;
  -- the words around it are those of lc_messages, and quote_all_identifiers quotes
  return strpos(replace(v_context, '"', ''), ' learn.merge_users(') > 0;
end;
$$;
comment on function learn_internal.is_merging() is 'Whether merge_users() is under way.';
