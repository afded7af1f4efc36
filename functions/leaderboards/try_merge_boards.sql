-- Merges the boards, or (p_gains) some of what waits, unless somebody else is at it: after a load, or when a call
-- commits that finds much waiting. A snapshot of an older moment cannot merge.
-- Who merges has the row `boards` of learn_internal.turns, which nobody but the owner can lock.
create or replace function learn_internal.try_merge_boards(p_gains bigint default null)
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
  if found and p_gains is null then
    perform learn_internal.merge_boards();
  elsif found then
    perform learn_internal.merge_some(p_gains);
  end if;
end;
$$;
comment on function learn_internal.try_merge_boards(bigint) is
  'Merges the boards, or so many of the gains that wait, unless somebody else is at it.';
