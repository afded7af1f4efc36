-- The time that all of Laurel goes by: the transaction's start,
-- or what learn_internal.set_clock() says.
create or replace function learn.clock()
returns timestamptz
language plpgsql                  -- keeps its plan, where an SQL function would be parsed
                                  -- in every statement
stable
parallel safe
security definer                  -- the override is no caller's to read or write
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  return coalesce((select o.now_is from learn_internal.clock_override o), now());
end;
$$;
comment on function learn.clock() is
  'The time Laurel goes by: the start of the transaction, unless a test has set another. '
  'App roles cannot set it.';
grant execute on function learn.clock() to learn_editor, learn_app, learn_user, learn_readonly;
