-- When a transaction that has asked for it commits: the boards are merged, after all that it has written, so
-- that its gains are taken once, and others are kept from merging for a moment only.
create or replace function learn_internal.merge_at_commit()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_gains bigint;  -- as of all that has asked
begin
  delete from learn_internal.merge_requests r where r.transaction_id = new.transaction_id returning r.gains into v_gains;
  perform learn_internal.try_merge_boards(v_gains);
  return null;
end;
$$;
comment on function learn_internal.merge_at_commit() is
  'Deferred trigger: merges the boards when the transaction that has asked for it commits.';

create constraint trigger merge_at_commit
  after insert on learn_internal.merge_requests
  deferrable initially deferred
  for each row
  execute function learn_internal.merge_at_commit();
