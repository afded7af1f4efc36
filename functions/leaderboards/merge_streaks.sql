-- The part of a merge about the board of streaks. What is merged is that a streak has changed: it is looked up
-- as it is now, with the moment at which it ends unless it changes again. Streaks that have ended are
-- taken off, p_at_most of them: until then readers leave them out.
-- Its caller holds the lock. Returns how many changes and ends that settles.
create or replace function learn_internal.merge_streaks(p_from uuid, p_to uuid, p_at_most integer)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_now   timestamptz := learn.clock();
  v_count bigint;
begin
  with taken as (
    delete from learn_internal.board_gains g
    where g.metric = 'current_streak' and g.user_id between p_from and p_to
    returning g.user_id
  ), changed as (
    select distinct t.user_id from taken t
  ), wanted as (
    select c.user_id, l.days, l.ends_at, l.name
    from changed c
    cross join lateral (
      select e.days, e.ends_at, lower(u.username) as name
      from learn_internal.streak_ends e
      join learn.users u on u.id = e.user_id and u.is_active and u.show_on_leaderboard
      where e.user_id = c.user_id and e.ends_at > v_now
      offset 0  -- by key, whatever is known of how many users have a streak
    ) l
    where exists (select from learn.metrics m where m.key = 'current_streak' and m.is_board)
  ), ended as (
    select c.user_id from changed c where c.user_id not in (select w.user_id from wanted w)
    union
    (
      select s.user_id
      from learn_internal.board_scores s
      where s.metric = 'current_streak' and s.lapses_at <= v_now and s.lapses_at < 'infinity'
        and s.user_id not in (select c.user_id from changed c)
      order by s.lapses_at
      limit p_at_most
    )
  ), gone as (
    delete from learn_internal.board_scores s
    where s.ctid = any (array(  -- nobody else writes here: the row stays where it is
      select r.row_id
      from ended e
      cross join lateral (
        select b.ctid as row_id
        from learn_internal.board_scores b
        where b.user_id = e.user_id and b.metric = 'current_streak' and b.period = 'all_time'
          and b.starts_on = '-infinity'
        offset 0
      ) r))
  ), saved as (
    insert into learn_internal.board_scores as s
      (user_id, metric, period, starts_on, value, name, lapses_at)
    select w.user_id, 'current_streak', 'all_time', '-infinity', w.days, w.name, w.ends_at
    from wanted w
    order by w.user_id
    on conflict (user_id, metric, period, starts_on) do update
      set value = excluded.value, name = excluded.name, lapses_at = excluded.lapses_at
      where (s.value, s.name, s.lapses_at) <> (excluded.value, excluded.name, excluded.lapses_at)
  )
  select (select count(*) from taken) + (select count(*) from ended) into v_count;
  return v_count;
end;
$$;
comment on function learn_internal.merge_streaks(uuid, uuid, integer) is
  'The part of a merge about the board of streaks; returns how many changes and ends that settles.';
