-- What tells two calls apart: SHA-256 of the function's name and its arguments, in hex.
create or replace function learn_internal.hash_call(p_function text, p_arguments jsonb)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(convert_to(p_function || p_arguments::text, 'UTF8')), 'hex');
$$;
comment on function learn_internal.hash_call(text, jsonb) is 'SHA-256 of a call, in hex.';
