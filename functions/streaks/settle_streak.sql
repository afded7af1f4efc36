-- Brings a user's streak up to date where days or freezes have come late: which days freezes cover, and from
-- the day p_from on, which freezes are earned (null: those that were stay). What is new of it becomes facts.
-- The caller has locked the user. Returns the row as it is then.
create or replace function learn_internal.settle_streak(p_user_id uuid, p_from date)
returns learn.user_stats
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_walk   learn_internal.streak_walk := learn_internal.walk_streak(p_user_id, p_from);
  v_new    learn_internal.logged_fact[];
  v_now    timestamptz := learn.clock();
  v_stats  learn.user_stats;
  v_writes text := current_setting('learn_internal.writes_facts', true);
begin
  perform set_config('learn_internal.writes_facts', 'yes', true);  -- not by hand: see complete_activity()
  if p_from is not null then
    select array_agg((p_user_id, n.type, n.subject_type, n.subject_id, n.properties, null, v_now, n.day, 0,
      false)::learn_internal.logged_fact order by n.day, n.type)
    into v_new
    from (
      select 'streak_freeze_used' as type, 'day' as subject_type, u::text as subject_id,
        '{}'::jsonb as properties, u as day
      from unnest(v_walk.used_on) u
      where u not in (
        select f.used_on from learn.streak_freezes f where f.user_id = p_user_id and f.used_on is not null)
      union all
      select 'streak_freeze_earned', null, null, '{"count": 1}', e
      from unnest(v_walk.earned_on) e
      where e not in (
        select f.granted_on from learn.streak_freezes f where f.user_id = p_user_id and f.is_earned)
    ) n;
    if learn_internal.setting_number('streak_freeze_every_days') > 0 then
      delete from learn.streak_freezes f
      where f.user_id = p_user_id and f.is_earned and f.granted_on >= p_from
        and f.granted_on <> all (v_walk.earned_on);
      insert into learn.streak_freezes (user_id, granted_on, is_earned)
      select p_user_id, e, true
      from unnest(v_walk.earned_on) e
      where e not in (
        select f.granted_on from learn.streak_freezes f where f.user_id = p_user_id and f.is_earned);
    end if;
  end if;

  -- First none covers a day, because no day is covered twice on the way either.
  update learn.streak_freezes f set used_on = null
  where f.user_id = p_user_id and f.used_on is not null;
  update learn.streak_freezes f set used_on = u.used_on
  from unnest(v_walk.used_on, v_walk.freeze_ids, v_walk.granted_on) u(used_on, id, granted_on)
  where f.user_id = p_user_id
    and (f.id = u.id or u.id is null and f.is_earned and f.granted_on = u.granted_on);
  delete from learn.user_activity_days d
  where d.user_id = p_user_id and d.is_freeze and d.activity_date <> all (v_walk.used_on);
  insert into learn.user_activity_days (user_id, activity_date, is_freeze)
  select p_user_id, u, true from unnest(v_walk.used_on) u
  on conflict do nothing;
  update learn.user_stats s
  set current_streak = v_walk.current_streak, longest_streak = v_walk.longest_streak,
    active_days = v_walk.active_days, last_activity_date = v_walk.last_activity_date,
    streak_freezes = (
      select count(*) from learn.streak_freezes f
      where f.user_id = p_user_id and f.used_on is null)
  where s.user_id = p_user_id
  returning s.* into v_stats;
  if v_new is not null then
    insert into learn.activity_log
      (user_id, activity_type, subject_type, subject_id, properties, occurred_at, local_date,
       is_qualifying)
    select n.user_id, n.activity_type, n.subject_type, n.subject_id, n.properties, n.occurred_at,
      n.local_date, n.is_qualifying
    from unnest(v_new) n;
  end if;
  perform set_config('learn_internal.writes_facts', coalesce(v_writes, ''), true);

  -- How long the streak was on the days from then on: longer; where freezes or zones have a say, perhaps shorter.
  if exists (select from learn.metrics m where m.key = 'longest_streak' and m.is_board) then
    if p_from is null or v_stats.settled_zone <> 0
      or exists (select from learn.streak_freezes f where f.user_id = p_user_id)
    then
      perform learn_internal.recount_boards(array[p_user_id]);
    else
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select p_user_id, 'longest_streak', d.activity_date, d.streak
      from learn_internal.streak_days d
      where d.user_id = p_user_id and d.activity_date >= p_from;
    end if;
  end if;
  return v_stats;
end;
$$;
comment on function learn_internal.settle_streak(uuid, date) is
  'Brings a user''s streak and freezes up to date where days or freezes have come late.';
