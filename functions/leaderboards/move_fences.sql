-- Counts users, or takes them away, in the stretches of boards where their values lie.
create or replace function learn_internal.move_fences(p_steps learn_internal.board_step[])
returns void
language plpgsql
volatile
set search_path = ''
set enable_seqscan = off
set jit = off
as $$
begin
  if p_steps is null then
    return;
  end if;
  -- the rows are there: this finds each by its key
  insert into learn_internal.board_fences as f (metric, period, starts_on, floor, users, split_at)
  select s.metric, s.period, s.starts_on, w.floor, sum(s.users), 0
  from unnest(p_steps) s
  cross join lateral (
    select b.floor from learn_internal.board_fences b
    where b.metric = s.metric and b.period = s.period and b.starts_on = s.starts_on
      and b.floor <= s.value
    order by b.floor desc
    limit 1
  ) w
  group by s.metric, s.period, s.starts_on, w.floor
  having sum(s.users) <> 0
  on conflict (metric, period, starts_on, floor) do update set users = f.users + excluded.users;
end;
$$;
comment on function learn_internal.move_fences(learn_internal.board_step[]) is
  'Counts users, or takes them away, in the stretches of boards where their values lie.';
revoke all on function learn_internal.move_fences(learn_internal.board_step[]) from public;
