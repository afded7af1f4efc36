-- The part of a merge that recounts users from the facts, and takes those off who are no longer to be seen.
-- Its caller holds the lock. Returns how many gains and marks of theirs that settles.
create or replace function learn_internal.merge_recounts(p_user_ids uuid[])
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- for one user or for a million: plans that differ
set jit = off
as $$
declare
  v_count bigint;
begin
  with taken as (
    delete from learn_internal.board_gains g
    where g.user_id = any (p_user_ids)
    returning g.local_date, g.activity_type, g.amount
  ), tallied as (
    insert into learn_internal.tally_changes (measure, day, item, value)
    select 'xp', t.local_date, t.activity_type, sum(t.amount)
    from taken t
    where t.activity_type is not null
    group by t.local_date, t.activity_type
  ), wanted as (
    select r.user_id, r.metric, r.period, r.starts_on, r.value, lower(u.username) as name, r.lapses_at
    from learn_internal.board_recounts r
    join learn.users u on u.id = r.user_id
    where r.user_id = any (p_user_ids) and r.value <> 0
  ), gone as (
    delete from learn_internal.board_scores s
    where s.ctid = any (array(  -- nobody else writes here: the row stays where it is
      select max(k.row_id)
      from (
        select b.user_id, b.metric, b.period, b.starts_on, b.ctid as row_id, false as is_wanted
        from learn_internal.board_scores b
        where b.user_id = any (p_user_ids)
        union all
        select w.user_id, w.metric, w.period, w.starts_on, null, true from wanted w
      ) k
      group by k.user_id, k.metric, k.period, k.starts_on
      having not bool_or(k.is_wanted)))
  ), saved as (
    insert into learn_internal.board_scores as s
      (user_id, metric, period, starts_on, value, name, lapses_at)
    select w.* from wanted w
    order by w.user_id, w.metric, w.period, w.starts_on
    on conflict (user_id, metric, period, starts_on) do update
      set value = excluded.value, name = excluded.name, lapses_at = excluded.lapses_at
      where (s.value, s.name, s.lapses_at) <> (excluded.value, excluded.name, excluded.lapses_at)
  )
  select count(*) into v_count from taken;
  return v_count;
end;
$$;
comment on function learn_internal.merge_recounts(uuid[]) is
  'The part of a merge that recounts users from the facts; returns how many gains that settles.';
