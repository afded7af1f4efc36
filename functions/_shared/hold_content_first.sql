-- Tables that refer to content and are written by learners: content is held before
-- the first row refers to it.
create or replace function learn_internal.hold_content_first()
returns trigger
language plpgsql
volatile
security definer                  -- the lock is the owner's
set search_path = pg_catalog, pg_temp
as $$
begin
  -- as hold_content() does it, without the price of a call
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;
  return null;
end;
$$;
comment on function learn_internal.hold_content_first() is
  'Statement trigger: keeps content as it is until the transaction ends.';
