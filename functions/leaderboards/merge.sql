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
    join learn.users u on u.id = r.user_id and u.is_active and u.show_on_leaderboard
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

-- The part of a merge about the board of streaks. What is merged is that a streak has changed: it is looked up
-- as it is now, with the moment at which it ends unless it changes again. Streaks that have ended are
-- taken off, p_at_most of them: until then readers leave them out.
-- Its caller holds the lock. Returns how many changes and ends that settles.
create or replace function learn_internal.merge_streaks(p_at_most integer)
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
    delete from learn_internal.board_gains g where g.metric = 'current_streak' returning g.user_id
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
comment on function learn_internal.merge_streaks(integer) is
  'The part of a merge about the board of streaks; returns how many changes and ends that settles.';

-- Merges what users have gained into the boards: adds it up, recounts those who are marked, takes those
-- off who are no longer to be seen, and streaks that have ended, a few at a time: midnight ends many at once.
-- XP goes to the tally of what paid it, too. What each statement takes from board_gains it has put into
-- board_scores and tally_changes, so that every snapshot sees a gain in one of them.
-- The caller holds the lock of the merge: see try_merge_boards(). Returns how many gains there were.
create or replace function learn_internal.merge_boards()
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set jit = off
set work_mem = '64MB'       -- once: nobody else merges meanwhile
as $$
declare
  v_kept_from date;
  v_marked    uuid[] := array(
    select distinct g.user_id from learn_internal.board_gains g where g.metric = '');
  v_maxima    text[] := array(select m.key from learn.metrics m where m.aggregate = 'max' and m.is_board);
  v_count     bigint;
  v_marks     bigint := 0;
begin
  select s.kept_from into v_kept_from from learn_internal.board_state s;

  if v_marked <> '{}' then
    v_marks := learn_internal.merge_recounts(v_marked);
  end if;
  v_marks := v_marks + learn_internal.merge_streaks(200);

  with taken as (
    delete from learn_internal.board_gains g
    -- what was written in this moment, and is not a gain, is for the next time
    -- hashed, and not a join: of a queue, statistics often say that it is empty
    where g.metric not in ('', 'current_streak') and g.user_id not in (
      select k.user_id from learn_internal.board_gains k where k.metric = '')
    returning g.user_id, g.metric, g.local_date, g.activity_type, g.amount
  ), tallied as (
    insert into learn_internal.tally_changes (measure, day, item, value)
    select 'xp', t.local_date, t.activity_type, sum(t.amount)
    from taken t
    where t.activity_type is not null
    group by t.local_date, t.activity_type
  ), gained as (
    select t.user_id, t.metric, p.period, p.starts_on, lower(u.username) as name,
      (case when t.metric = any (v_maxima) then max(t.amount) else sum(t.amount) end)::bigint as amount
    from taken t
    join learn.metrics m on m.key = t.metric and m.is_board
    join learn.users u on u.id = t.user_id and u.is_active and u.show_on_leaderboard
    cross join lateral (
      values
        ('day', t.local_date, t.local_date + 1),
        ('week', date_trunc('week', t.local_date::timestamp)::date,
          date_trunc('week', t.local_date::timestamp)::date + 7),
        ('month', date_trunc('month', t.local_date::timestamp)::date,
          (date_trunc('month', t.local_date::timestamp) + interval '1 month')::date),
        ('all_time', '-infinity'::date, 'infinity'::date)
    ) p(period, starts_on, ends_on)
    where p.ends_on > v_kept_from and (p.period = 'all_time' or t.local_date > '-infinity')
    group by t.user_id, t.metric, p.period, p.starts_on, lower(u.username)
  ), moved as (
    insert into learn_internal.board_scores as s (user_id, metric, period, starts_on, value, name)
    select g.user_id, g.metric, g.period, g.starts_on, g.amount, g.name
    from gained g
    order by g.user_id, g.metric, g.period, g.starts_on
    -- found by key, one by one: a join could be planned for a table that was empty when it was last looked at
    on conflict (user_id, metric, period, starts_on) do update
      set value = case when s.metric = any (v_maxima) then excluded.value
        else s.value + excluded.value end
      where s.metric <> all (v_maxima) or s.value < excluded.value
  )
  select count(*) into v_count from taken;

  if v_count + v_marks > 0 then
    update learn_internal.board_state set merged_at = learn.clock();
  end if;
  perform learn_internal.split_stretch(f.metric, f.period, f.starts_on, f.floor)
  from learn_internal.board_stretches f
  where f.users >= f.split_at;
  return v_count + v_marks;
end;
$$;
comment on function learn_internal.merge_boards() is
  'Merges what users have gained into the boards; returns how many gains there were. Its caller holds '
  'the lock.';

-- Has the boards merged when this transaction commits: once, however often it is asked for.
create or replace function learn_internal.request_merge()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into learn_internal.merge_requests (transaction_id) values (pg_current_xact_id())
  on conflict (transaction_id) do nothing;
end;
$$;
comment on function learn_internal.request_merge() is
  'Has the boards merged when this transaction commits.';

-- Merges the boards unless somebody else is at it: after a load. A snapshot of an older moment cannot merge.
-- Who merges has the row `boards` of learn_internal.turns, which nobody but the owner can lock.
create or replace function learn_internal.try_merge_boards()
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    return;
  end if;
  perform from learn_internal.turns t where t.name = 'boards' for update skip locked;
  if found then
    perform learn_internal.merge_boards();
  end if;
end;
$$;
comment on function learn_internal.try_merge_boards() is
  'Merges the boards unless somebody else is at it.';
