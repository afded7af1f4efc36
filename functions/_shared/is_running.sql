-- Whether a call of one of these functions is under way: what they write is not written by hand. The context says so,
-- which nobody can set.
create or replace function learn_internal.is_running(variadic p_functions text[])
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_context text;
begin
  get diagnostics v_context = pg_context;
  v_context := replace(v_context, '"', '');  -- quote_all_identifiers quotes; the words around are those of lc_messages
  return exists (select from unnest(p_functions) f(name) where strpos(v_context, ' ' || f.name || '(') > 0);
end;
$$;
comment on function learn_internal.is_running(text[]) is 'Whether a call of one of these functions is under way.';
