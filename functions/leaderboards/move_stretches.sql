-- Counts users, or takes them away, in the stretches of boards where their values lie.
create or replace function learn_internal.move_stretches(p_steps learn_internal.board_step[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
begin
  if p_steps is null then
    return;
  end if;
  insert into learn_internal.board_stretches as f (metric, period, starts_on, floor, users, split_at)
  select w.metric, w.period, w.starts_on, w.floor, sum(w.users), 0
  from (
    select s.metric, s.period, s.starts_on, s.users, (
        select b.floor from learn_internal.board_stretches b
        where b.metric = s.metric and b.period = s.period and b.starts_on = s.starts_on and b.floor <= s.value
        order by b.floor desc limit 1) as floor
    from unnest(p_steps) s
  ) w
  group by w.metric, w.period, w.starts_on, w.floor
  having sum(w.users) <> 0
  -- the rows are there: this finds each by its key
  on conflict (metric, period, starts_on, floor) do update set users = f.users + excluded.users;
end;
$$;
comment on function learn_internal.move_stretches(learn_internal.board_step[]) is
  'Counts users, or takes them away, in the stretches of boards where their values lie.';
