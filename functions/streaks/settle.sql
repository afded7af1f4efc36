-- Brings the active days of a learner who has learned in several zones up to date with local_days, and says which
-- are new, which are none any more, and from which date on something is different (null: nothing is). Whether the
-- last zone is settled: its days have come to follow each other, and no fact can be in doubt any more.
-- The caller has locked the user.
create or replace function learn_internal.settle_days(
  p_user_id uuid, out added date[], out removed date[], out changed_from date
)
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_chain   learn_internal.chained_day[];
  v_last    learn_internal.chained_day;
  v_zone    integer;
begin
  v_chain := array(
    select (c.activity_date, c.zone_number, c.flown_over)::learn_internal.chained_day
    from learn_internal.chain_days(array(
      select d from learn_internal.local_days d where d.user_id = p_user_id)) c
    order by c.activity_date);
  added := array(
    select c.activity_date from unnest(v_chain) c
    where not exists (
      select from learn.user_activity_days d
      where d.user_id = p_user_id and d.activity_date = c.activity_date and not d.is_freeze));
  removed := array(
    select d.activity_date from learn.user_activity_days d
    where d.user_id = p_user_id and not d.is_freeze
      and d.activity_date not in (select c.activity_date from unnest(v_chain) c));
  select least(min(c.activity_date), (select min(r) from unnest(removed) r)) into changed_from
  from unnest(v_chain) c
  left join learn.user_activity_days d
    on d.user_id = p_user_id and d.activity_date = c.activity_date and not d.is_freeze
  where d.flown_over is distinct from c.flown_over;

  delete from learn.user_activity_days d
  where d.user_id = p_user_id and d.activity_date = any (removed);
  insert into learn.user_activity_days as d (user_id, activity_date, flown_over)
  select p_user_id, c.activity_date, c.flown_over from unnest(v_chain) c
  on conflict (user_id, activity_date) do update
    set is_freeze = false, flown_over = excluded.flown_over
    where (d.is_freeze, d.flown_over) <> (false, excluded.flown_over);
  update learn_internal.local_days d
  set is_active = not d.is_active
  where d.user_id = p_user_id and d.is_active <> exists (
    select from unnest(v_chain) c
    where c.zone_number = d.zone_number and c.activity_date = d.local_date);

  v_last := v_chain[cardinality(v_chain)];
  select max(d.zone_number) into v_zone from learn_internal.local_days d where d.user_id = p_user_id;
  update learn.user_stats s
  set last_zone_number = v_last.zone_number,
    settled_zone = case
      when v_last.zone_number = v_zone and exists (
        select from unnest(v_chain) c
        where c.zone_number = v_zone and c.activity_date < v_last.activity_date)
        and not exists (
        select from learn_internal.local_days d
        where d.user_id = p_user_id and d.zone_number < v_zone
          and d.local_date > v_last.activity_date - 4)
      then v_zone else -1 end
  where s.user_id = p_user_id;
end;
$$;
comment on function learn_internal.settle_days(uuid) is
  'Brings the active days of a learner who has learned in several zones up to date with local_days.';

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
  return v_stats;
end;
$$;
comment on function learn_internal.settle_streak(uuid, date) is
  'Brings a user''s streak and freezes up to date where days or freezes have come late.';
