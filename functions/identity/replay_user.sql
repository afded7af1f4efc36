-- After facts of another account have come to a learner, whatever their dates: all that follows from facts is made
-- anew, and what is complete or deserved only now, by both together, is completed, paid and earned by the engine.
-- p_from_date: the first date that may count otherwise; null: none does. The caller has locked the learner.
create or replace function learn_internal.replay_user(p_user_id uuid, p_from_date date)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_days  date[] := array(
    select d.activity_date from learn.user_activity_days d where d.user_id = p_user_id and not d.is_freeze);
  v_now   timestamptz := learn.clock();
  v_stats learn.user_stats;
begin
  -- Days, and what analytics count of them
  if exists (
    select from learn_internal.all_facts l where l.user_id = p_user_id and l.is_qualifying and l.zone_number > 0)
  then
    delete from learn_internal.local_days d where d.user_id = p_user_id;
    insert into learn_internal.local_days (user_id, zone_number, local_date, first_at, last_at)
    select r.user_id, r.zone_number, r.local_date, r.first_at, r.last_at
    from learn_internal.local_day_recounts r
    where r.user_id = p_user_id;
    perform learn_internal.settle_days(p_user_id);
  else
    insert into learn.user_activity_days as d (user_id, activity_date)
    select distinct p_user_id, l.local_date
    from learn_internal.all_facts l
    where l.user_id = p_user_id and l.is_qualifying
    on conflict (user_id, activity_date) do update set is_freeze = false where d.is_freeze;
  end if;
  insert into learn_internal.tally_changes (measure, day, item, value)
  with days(day, value) as (
    select d.activity_date, 1 from learn.user_activity_days d where d.user_id = p_user_id and not d.is_freeze
    union all
    select o, -1 from unnest(v_days) o
  )
  select 'active_days', d.day, '', sum(d.value) from days d group by d.day having sum(d.value) <> 0
  union all
  select 'active_weeks', w.week, to_char(date_trunc('week', s.registered_on::timestamp), 'YYYY-MM-DD'), sum(w.value)
  from learn.user_stats s
  cross join (
    select distinct date_trunc('week', d.day::timestamp)::date as week, d.value from days d
  ) w
  where s.user_id = p_user_id
  group by w.week, s.registered_on
  having sum(w.value) <> 0;
  perform learn_internal.settle_streak(p_user_id, p_from_date);

  perform learn_internal.settle_skills(array_agg(u.user_id), array_agg(u.skill_id), array_agg(v_now))
  from learn.user_skills u
  where u.user_id = p_user_id;
  perform learn_internal.rebuild_users(array[p_user_id], p_tallies => false);

  -- What both together have completed
  perform learn_internal.complete_solved_lessons(array_agg(v.user_id), array_agg(v.lesson_id))
  from learn_internal.solved_lessons v
  where v.user_id = p_user_id and not exists (
    select from learn.user_lesson_progress p
    where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null)
  having count(*) > 0;
  perform learn_internal.complete_challenges(array_agg(f.user_id), array_agg(f.challenge_id), array_agg(f.last_passed_at))
  from learn_internal.full_challenges f
  join learn.user_challenge_progress p on p.user_id = f.user_id and p.challenge_id = f.challenge_id
  where f.user_id = p_user_id and p.completed_at is null
  having count(*) > 0;
  perform learn_internal.unlock_challenges(array[p_user_id], v_now)
  where exists (select from learn.user_challenge_progress p where p.user_id = p_user_id);

  -- Levels and achievements, until nothing is new
  loop
    select s.* into v_stats from learn.user_stats s where s.user_id = p_user_id;
    if v_stats.current_level > v_stats.highest_level then
      update learn.user_stats s set highest_level = s.current_level where s.user_id = p_user_id;
      perform learn_internal.announce_levels(array[(
        p_user_id, v_stats.highest_level, v_stats.current_level, v_now, '{}')::learn_internal.rise]);
    end if;
    insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
    select distinct on (d.achievement_id) d.user_id, d.achievement_id, v_now, d.evidence
    from learn_internal.deserved_achievements d
    where d.user_id = p_user_id
      and (d.is_sole or learn_internal.satisfies_criteria(d.user_id, d.criteria))
    order by d.achievement_id
    on conflict (user_id, achievement_id) do nothing;
    exit when not found;
  end loop;
end;
$$;
comment on function learn_internal.replay_user(uuid, date) is
  'Makes anew what follows from a learner''s facts, and completes, pays and earns what is due only now.';
