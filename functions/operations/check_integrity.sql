-- Recomputes every projection from facts, set-based, and compares: of one user by key, or of everybody.
-- No row when all is well. Reads only.
-- Errors: LX002 unknown user.
-- no grant: for operators, as learn_owner.
create or replace function learn.check_integrity(p_user_id uuid default null)
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
  if p_user_id is null then
    return query select * from learn_internal.check_everybody(true);
    return;
  end if;
  perform learn_internal.require_user(p_user_id);
  return query select * from learn_internal.check_learner(p_user_id);
end;
$$;
comment on function learn.check_integrity(uuid) is
  'Recomputes every projection from facts and compares, of one user or (null) of everybody and of what belongs '
  'to nobody; no row when all is well. Reads only.';
