-- Splits a crowded stretch of a board into stretches of about 1,000 users. Users of one value stay
-- together, at the floor of a stretch: a rank never counts those.
-- The caller holds the lock of the merge, and board_scores and board_stretches agree.
create or replace function learn_internal.split_stretch(
  p_metric text, p_period text, p_starts_on date, p_floor bigint
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
declare
  v_size  constant integer := 1000;
  v_until bigint := coalesce((
    select min(f.floor) from learn_internal.board_stretches f
    where f.metric = p_metric and f.period = p_period and f.starts_on = p_starts_on
      and f.floor > p_floor), 9223372036854775807);
begin
  insert into learn_internal.board_stretches as f (metric, period, starts_on, floor, users, split_at)
  select p_metric, p_period, p_starts_on, g.floor, sum(g.users), greatest(2 * v_size, 2 * sum(g.users))
  from (
    select v.users, max(v.value) filter (where v.is_floor) over (order by v.value) as floor
    from (
      select case when c.before = 0 then p_floor else c.value end as value, c.users,
        c.before = 0 or c.users >= v_size
          or lag(c.users) over (order by c.value) >= v_size
          or c.before / v_size > lag(c.before) over (order by c.value) / v_size as is_floor
      from (
        select s.value, count(*) as users,
          (sum(count(*)) over (order by s.value) - count(*))::bigint as before
        from learn_internal.board_scores s
        where s.metric = p_metric and s.period = p_period and s.starts_on = p_starts_on
          and s.value > 0 and s.value >= p_floor and s.value < v_until
        group by s.value
      ) c
    ) v
  ) g
  group by g.floor
  on conflict (metric, period, starts_on, floor) do update
    set users = excluded.users, split_at = excluded.split_at;
end;
$$;
comment on function learn_internal.split_stretch(text, text, date, bigint) is
  'Splits a crowded stretch of a board.';
