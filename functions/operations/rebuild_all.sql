-- Recomputes the projections of all users, set-based. Locks everybody's stats row until
-- the transaction ends. Returns the number of users.
-- no grant: for operators, as learn_owner.
create or replace function learn.rebuild_all()
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_user_ids uuid[];
begin
  select coalesce(array_agg(u.id order by u.id), '{}') into v_user_ids from learn.users u;
  perform learn_internal.rebuild_users(v_user_ids);
  perform from learn_internal.turns t where t.name = 'boards' for update skip locked;
  if found then
    perform learn_internal.divide_board(b.metric, b.period, b.starts_on)
    from (
      select f.metric, f.period, f.starts_on from learn_internal.board_stretches f
      union
      select s.metric, s.period, s.starts_on from learn_internal.board_scores s
    ) b;
  end if;
  return cardinality(v_user_ids);
end;
$$;
comment on function learn.rebuild_all() is
  'Recomputes the projections of all users; returns how many.';
