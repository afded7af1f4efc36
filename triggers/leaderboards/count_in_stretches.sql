-- When the boards change: each stretch of a board counts who has come and who has gone.
create or replace function learn_internal.count_in_stretches()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_hashjoin = off
set jit = off
as $$
begin
  if tg_op <> 'DELETE' then
    insert into learn_internal.board_stretches (metric, period, starts_on, floor, users, split_at)
    select distinct n.metric, n.period, n.starts_on, 1, 0, 2000 from new_rows n
    on conflict (metric, period, starts_on, floor) do nothing;
  end if;
  if tg_op = 'INSERT' then
    perform learn_internal.move_stretches(array_agg(
      (s.metric, s.period, s.starts_on, s.value, s.users)::learn_internal.board_step))
    from (
      select n.metric, n.period, n.starts_on, n.value, count(*) as users
      from new_rows n
      where n.value > 0
      group by n.metric, n.period, n.starts_on, n.value
    ) s;
  elsif tg_op = 'DELETE' then
    perform learn_internal.move_stretches(array_agg(
      (s.metric, s.period, s.starts_on, s.value, s.users)::learn_internal.board_step))
    from (
      select o.metric, o.period, o.starts_on, o.value, -count(*) as users
      from old_rows o
      where o.value > 0
      group by o.metric, o.period, o.starts_on, o.value
    ) s;
  else
    perform learn_internal.move_stretches(array_agg(
      (s.metric, s.period, s.starts_on, s.value, s.users)::learn_internal.board_step))
    from (
      select c.metric, c.period, c.starts_on, c.value, sum(c.users) as users
      from (
        select n.metric, n.period, n.starts_on, n.value, 1 as users from new_rows n
        union all
        select o.metric, o.period, o.starts_on, o.value, -1 from old_rows o
      ) c
      where c.value > 0
      group by c.metric, c.period, c.starts_on, c.value
      having sum(c.users) <> 0
    ) s;
  end if;
  return null;
end;
$$;
comment on function learn_internal.count_in_stretches() is
  'Statement trigger: counts users of boards by stretches of values.';

create or replace trigger scores_inserted
  after insert on learn_internal.board_scores
  referencing new table as new_rows
  for each statement
  execute function learn_internal.count_in_stretches();

create or replace trigger scores_updated
  after update on learn_internal.board_scores
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.count_in_stretches();

create or replace trigger scores_deleted
  after delete on learn_internal.board_scores
  referencing old table as old_rows
  for each statement
  execute function learn_internal.count_in_stretches();
