-- Merges the boards unless somebody else is at it: after a load. A snapshot of an older moment cannot merge.
-- Who merges has the row `boards` of learn_internal.turns, which nobody but the owner can lock.
create or replace function learn_internal.try_merge_boards()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    return;
  end if;
  perform from learn_internal.turns t where t.name = 'boards' for update skip locked;
  if found then
    perform learn_internal.merge_boards();
  end if;
end;
$$;
comment on function learn_internal.try_merge_boards() is
  'Merges the boards unless somebody else is at it.';
