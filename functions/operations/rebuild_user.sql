-- Recomputes everything of one user that is a projection of facts. Reaches the state
-- that live processing reaches.
-- Errors: LX002.
-- no grant: for operators, as learn_owner.
create or replace function learn.rebuild_user(p_user_id uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  perform learn_internal.require_user(p_user_id);
  perform learn_internal.rebuild_users(array[p_user_id]);
end;
$$;
comment on function learn.rebuild_user(uuid) is
  'Recomputes everything of one user that is a projection of facts.';
