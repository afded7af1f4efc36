-- Lets messages that were given up begin again, when what made them fail is mended.
-- no grant: for operators, as learn_owner.
create or replace function learn.retry_outbox(p_ids bigint[])
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_retried integer;
begin
  perform learn_internal.require_size('p_ids', cardinality(p_ids), 100000, 'elements');
  update learn.outbox o
  set failed_at = null, attempts = 0, available_at = learn.clock()
  where o.id = any (p_ids) and o.failed_at is not null;
  get diagnostics v_retried = row_count;
  return v_retried;
end;
$$;
comment on function learn.retry_outbox(bigint[]) is
  'Lets messages that were given up begin again; returns how many.';
