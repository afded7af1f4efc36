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
    -- floors and steps in one order: the last floor before a step is its own
    select v.metric, v.period, v.starts_on, v.users, max(v.floor) over (
      partition by v.metric, v.period, v.starts_on order by v.value, v.users nulls first
      rows unbounded preceding) as floor
    from (
      select b.metric, b.period, b.starts_on, b.floor as value, b.floor, null::bigint as users
      from (
        select distinct s.metric, s.period, s.starts_on from unnest(p_steps) s
      ) t
      join learn_internal.board_stretches b
        on b.metric = t.metric and b.period = t.period and b.starts_on = t.starts_on
      union all
      select s.metric, s.period, s.starts_on, s.value, null, s.users from unnest(p_steps) s
    ) v
  ) w
  group by w.metric, w.period, w.starts_on, w.floor
  having sum(w.users) <> 0
  -- the rows are there: this finds each by its key
  on conflict (metric, period, starts_on, floor) do update set users = f.users + excluded.users;
end;
$$;
comment on function learn_internal.move_stretches(learn_internal.board_step[]) is
  'Counts users, or takes them away, in the stretches of boards where their values lie.';
