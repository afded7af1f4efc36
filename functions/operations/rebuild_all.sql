-- Recomputes the projections of all users, set-based. Locks everybody's stats row until
-- the transaction ends. Returns the number of users.
create or replace function learn.rebuild_all()
returns bigint
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_user_ids uuid[];
begin
  select coalesce(array_agg(u.id order by u.id), '{}') into v_user_ids from learn.users u;
  perform learn_internal.rebuild_users(v_user_ids);
  return cardinality(v_user_ids);
end;
$$;
comment on function learn.rebuild_all() is
  'Recomputes the projections of all users; returns how many.';
revoke all on function learn.rebuild_all() from public;
