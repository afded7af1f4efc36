-- Deletes messages that were completed before a time. Those that are open or given up stay.
-- Errors: LX001 no time.
-- no grant: for operators, as learn_owner.
create or replace function learn.purge_outbox(p_before timestamptz)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_deleted bigint;
begin
  if p_before is null then
    raise exception 'it takes a time before which to purge'
      using errcode = 'LX001', detail = 'p_before = null',
        hint = 'For instance: learn.purge_outbox(now() - interval ''30 days'').';
  end if;
  delete from learn.outbox o where o.completed_at < p_before;
  get diagnostics v_deleted = row_count;
  return v_deleted;
end;
$$;
comment on function learn.purge_outbox(timestamptz) is
  'Deletes messages that were completed before a time; returns how many.';
