-- Merges what users have gained into the boards, those from one id to another: adds it up, recounts those who are
-- marked, takes those off who are no longer to be seen, and of all users p_at_most streaks that have ended.
-- XP goes to the tally of what paid it, too. What each statement takes from board_gains it has put into
-- board_scores and tally_changes, so that every snapshot sees a gain in one of them.
-- The caller holds the lock of the merge, and says how this is planned. Returns how many gains there were.
create or replace function learn_internal.merge_range(p_from uuid, p_to uuid, p_at_most integer)
returns bigint
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
  v_kept_from date;
  v_marked    uuid[] := array(
    select distinct g.user_id from learn_internal.board_gains g where g.metric = '' and g.user_id between p_from and p_to);
  v_maxima    text[] := array(
    select m.key from learn.metrics m where (m.aggregate = 'max' or m.key = 'longest_streak') and m.is_board);
  v_count     bigint;
  v_marks     bigint := 0;
begin
  select s.kept_from into v_kept_from from learn_internal.board_state s;

  if v_marked <> '{}' then
    v_marks := learn_internal.merge_recounts(v_marked);
  end if;
  v_marks := v_marks + learn_internal.merge_streaks(p_from, p_to, p_at_most);

  with taken as (
    delete from learn_internal.board_gains g
    -- what was written in this moment, and is not a gain, is for the next time
    -- hashed, and not a join: of a queue, statistics often say that it is empty
    where g.user_id between p_from and p_to and g.metric not in ('', 'current_streak') and g.user_id not in (
      select k.user_id from learn_internal.board_gains k where k.metric = '')
    returning g.user_id, g.metric, g.local_date, g.activity_type, g.amount
  ), tallied as (
    insert into learn_internal.tally_changes (measure, day, item, value)
    select 'xp', t.local_date, t.activity_type, sum(t.amount)
    from taken t
    where t.activity_type is not null
    group by t.local_date, t.activity_type
  ), daily as (
    select t.user_id, t.metric, t.local_date,
      (case when t.metric = any (v_maxima) then max(t.amount) else sum(t.amount) end)::bigint as amount
    from taken t
    group by t.user_id, t.metric, t.local_date
  ), gained as (
    select t.user_id, t.metric, p.period, s.starts_on, t.name,
      (case when t.metric = any (v_maxima) then max(t.amount) else sum(t.amount) end)::bigint as amount
    from (
      select g.*, lower(u.username) as name
      from daily g
      join learn.metrics m on m.key = g.metric and m.is_board
      join learn.users u on u.id = g.user_id and u.is_active and u.show_on_leaderboard
      offset 0  -- each looked up once a day, and not once for each gain and period
    ) t
    -- no list of values: PostgreSQL reads it anew for each row that it is joined with
    cross join unnest(array['day', 'week', 'month', 'all_time']) p(period)
    cross join lateral (
      select case p.period when 'day' then t.local_date when 'all_time' then '-infinity'
        else date_trunc(p.period, t.local_date::timestamp)::date end as starts_on
    ) s
    where p.period = 'all_time' or t.local_date > '-infinity' and case p.period
      when 'day' then s.starts_on + 1 when 'week' then s.starts_on + 7
      else (s.starts_on + interval '1 month')::date end > v_kept_from
    group by t.user_id, t.metric, p.period, s.starts_on, t.name
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

  perform learn_internal.split_stretch(f.metric, f.period, f.starts_on, f.floor)
  from learn_internal.board_stretches f
  where f.users >= f.split_at;
  return v_count + v_marks;
end;
$$;
comment on function learn_internal.merge_range(uuid, uuid, integer) is
  'Merges what users from one id to another have gained into the boards; returns how many gains there were.';
