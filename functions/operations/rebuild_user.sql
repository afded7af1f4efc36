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
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Look the user up in learn.users.';
  end if;
  perform learn_internal.rebuild_users(array[p_user_id]);
end;
$$;
comment on function learn.rebuild_user(uuid) is
  'Recomputes everything of one user that is a projection of facts.';
