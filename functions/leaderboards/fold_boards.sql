-- Folds what users have gained into the boards: adds it up, recounts those who are marked, takes those
-- off who are no longer to be seen, and streaks that have ended, a few at a time: midnight ends many at once.
-- XP goes to the tally of what paid it, too. What each statement takes from board_gains it has put into
-- board_scores and tally_changes, so that every snapshot sees a gain in one of them.
-- The caller holds the lock of the fold: see try_fold_boards(). Returns how many gains there were.
create or replace function learn_internal.fold_boards()
returns bigint
language plpgsql
volatile
set search_path = ''
set jit = off
as $$
declare
  v_kept_from date;
  v_marked    uuid[] := array(
    select distinct g.user_id from learn_internal.board_gains g where g.metric = '');
  v_count     bigint;
  v_marks     bigint := 0;
begin
  select s.kept_from into v_kept_from from learn_internal.board_state s;

  if v_marked <> '{}' then
    v_marks := learn_internal.fold_recounts(v_marked);
  end if;
  v_marks := v_marks + learn_internal.fold_streaks(200);

  with taken as (
    delete from learn_internal.board_gains g
    -- what was written in this moment, and is not a gain, is for the next time
    where g.metric not in ('', 'current_streak') and not exists (
      select from learn_internal.board_gains k where k.metric = '' and k.user_id = g.user_id)
    returning g.user_id, g.metric, g.local_date, g.activity_type, g.amount
  ), tallied as (
    insert into learn_internal.tally_changes (measure, day, item, value)
    select 'xp', t.local_date, t.activity_type, sum(t.amount)
    from taken t
    where t.activity_type is not null
    group by t.local_date, t.activity_type
  ), gained as (
    select t.user_id, t.metric, p.period, p.starts_on, m.aggregate = 'max' as is_maximum,
      (case when m.aggregate = 'max' then max(t.amount) else sum(t.amount) end)::bigint as amount
    from taken t
    join learn.metrics m on m.key = t.metric and m.is_board
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
    group by t.user_id, t.metric, p.period, p.starts_on, m.aggregate
  ), placed as (
    select g.user_id, g.metric, g.period, g.starts_on, s.row_id,
      case when g.is_maximum then greatest(s.value, g.amount)
        else coalesce(s.value, 0) + g.amount end as value,
      lower(u.username) as name
    from gained g
    left join lateral (
      select b.ctid as row_id, b.value
      from learn_internal.board_scores b
      where b.user_id = g.user_id and b.metric = g.metric and b.period = g.period
        and b.starts_on = g.starts_on
      offset 0
    ) s on true
    left join lateral (
      select l.username
      from learn.users l
      where l.id = g.user_id and s.row_id is null and l.is_active and l.show_on_leaderboard
      offset 0
    ) u on true
  ), moved as (
    update learn_internal.board_scores s set value = p.value
    from placed p
    where s.ctid = p.row_id  -- nobody else writes here: the row stays where it is
  ), come as (
    insert into learn_internal.board_scores (user_id, metric, period, starts_on, value, name)
    select p.user_id, p.metric, p.period, p.starts_on, p.value, p.name
    from placed p
    where p.row_id is null and p.name is not null
    order by p.user_id, p.metric, p.period, p.starts_on
  )
  select count(*) into v_count from taken;

  if v_count + v_marks > 0 then
    update learn_internal.board_state set folded_at = learn.clock();
  end if;
  perform learn_internal.split_fence(f.metric, f.period, f.starts_on, f.floor)
  from learn_internal.board_fences f
  where f.users >= f.split_at;
  return v_count + v_marks;
end;
$$;
comment on function learn_internal.fold_boards() is
  'Folds what users have gained into the boards; returns how many gains there were. Its caller holds '
  'the lock.';
revoke all on function learn_internal.fold_boards() from public;
