-- check_integrity() of one learner, by key: planned once per session, which takes longer than to check.
create or replace function learn_internal.check_learner(p_user_id uuid)
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- see docs/engine.md#plans
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
begin
  return query select * from learn_internal.damage d where d.user_id = p_user_id;
end;
$$;
comment on function learn_internal.check_learner(uuid) is
  'Where projections of one learner are not what follows from facts.';
