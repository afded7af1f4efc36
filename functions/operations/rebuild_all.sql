-- Recomputes the projections of all users, and writes those of the users in whom it finds a difference: these are locked
-- until the transaction ends. Returns the number of all users.
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
  v_user_ids uuid[] := array(
    select distinct d.user_id from learn_internal.check_everybody(true) d
    where d.user_id is not null
    order by d.user_id);
begin
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
  return (select count(*) from learn.users);
end;
$$;
comment on function learn.rebuild_all() is
  'Recomputes the projections of all users; returns how many.';
