-- The part of a fold that recounts users from the facts, and takes those off who are no longer to be seen.
-- Its caller holds the lock. Returns how many gains and marks of theirs that settles.
create or replace function learn_internal.fold_recounts(p_user_ids uuid[])
returns bigint
language plpgsql
volatile
set search_path = ''
set plan_cache_mode = force_custom_plan  -- for one user or for a million: plans that differ
set jit = off
as $$
declare
  v_count bigint;
begin
  with taken as (
    delete from learn_internal.board_gains g where g.user_id = any (p_user_ids) returning g.user_id
  ), wanted as (
    select r.user_id, r.metric, r.period, r.starts_on, r.value, lower(u.username) as name
    from learn_internal.board_recounts r
    join learn.users u on u.id = r.user_id and u.is_active and u.show_on_leaderboard
    where r.user_id = any (p_user_ids) and r.value <> 0
  ), gone as (
    delete from learn_internal.board_scores s
    where s.user_id = any (p_user_ids) and not exists (
      select from wanted w
      where (w.user_id, w.metric, w.period, w.starts_on)
        = (s.user_id, s.metric, s.period, s.starts_on))
  ), saved as (
    insert into learn_internal.board_scores as s
      (user_id, metric, period, starts_on, value, name)
    select w.* from wanted w
    order by w.user_id, w.metric, w.period, w.starts_on
    on conflict (user_id, metric, period, starts_on) do update
      set value = excluded.value, name = excluded.name
      where (s.value, s.name) <> (excluded.value, excluded.name)
  )
  select count(*) into v_count from taken;
  return v_count;
end;
$$;
comment on function learn_internal.fold_recounts(uuid[]) is
  'The part of a fold that recounts users from the facts; returns how many gains that settles.';
revoke all on function learn_internal.fold_recounts(uuid[]) from public;
