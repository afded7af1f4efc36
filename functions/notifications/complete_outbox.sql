-- Marks messages as done: nobody gets them again. Completing one again, one that is gone, or one
-- that somebody else has claimed meanwhile is no error: what was done was done.
create or replace function learn.complete_outbox(p_ids bigint[])
returns integer
language plpgsql
volatile
security definer                  -- workers write no table
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_completed integer;
begin
  perform learn_internal.require_size('p_ids', cardinality(p_ids), 10000, 'elements');
  perform learn_internal.hold_content();  -- nobody is erased in between
  perform from learn.outbox o
  where o.id = any (p_ids) and o.completed_at is null
  order by o.id for update;
  update learn.outbox o
  set completed_at = learn.clock(), failed_at = null, error = null
  where o.id = any (p_ids) and o.completed_at is null;
  get diagnostics v_completed = row_count;
  return v_completed;
end;
$$;
comment on function learn.complete_outbox(bigint[]) is
  'Marks messages as done; returns how many were not yet.';
grant execute on function learn.complete_outbox(bigint[]) to learn_app;
