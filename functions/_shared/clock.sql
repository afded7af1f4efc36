-- The time that all of Laurel goes by: the transaction's start, or what learn_internal.set_clock() says.
create or replace function learn.clock()
returns timestamptz
language sql
stable
parallel safe
security definer                  -- the override is no caller's to read or write
set search_path = ''
as $$
  select coalesce((select o.now_is from learn_internal.clock_override o), now());
$$;
comment on function learn.clock() is
  'The time Laurel goes by: the start of the transaction, unless a test has set another. App roles cannot set it.';
revoke all on function learn.clock() from public;
grant execute on function learn.clock() to learn_app, learn_readonly;
