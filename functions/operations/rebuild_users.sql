-- Recomputes every projection of users from facts: active days and streaks,
-- XP and levels from the ledger, metrics, progress in exercises, courses, challenges, tracks,
-- paths and difficulties, and the tallies behind the analytics, which are everybody's.
-- Nothing is paid, earned or lost: the ledger, the log and what was earned are the facts;
-- an achievement whose row was lost is put back from the log. p_tallies: the tallies, too, which costs as much as
-- there are learners.
create or replace function learn_internal.rebuild_users(p_user_ids uuid[], p_tallies boolean default true)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- for one user or for a million: plans that differ
set enable_mergejoin = off
set jit = off
set work_mem = '64MB'
as $$
declare
  v_moved uuid[];
begin
  perform learn_internal.hold_content();
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  insert into learn.user_stats (user_id, registered_on)
  select u.id, (learn_internal.local_date(u.id, u.created_at)).local_date
  from learn.users u
  where u.id = any (p_user_ids) and not exists (select from learn.user_stats e where e.user_id = u.id)
  on conflict do nothing;
  update learn.user_stats s
  set registered_on = f.local_date
  from learn_internal.all_facts f
  where f.user_id = any (p_user_ids) and f.activity_type = 'user_registered'
    and s.user_id = f.user_id and s.registered_on <> f.local_date;

  -- Days and streaks; of those who have learned in several zones, only where they need it
  v_moved := array(
    select distinct d.user_id from learn_internal.streak_damage d
    where d.user_id = any (p_user_ids)
      and d.check_name in ('local_days_follow_from_facts', 'zones_of_days_are_noted'));
  if v_moved <> '{}' then
    delete from learn_internal.local_days d where d.user_id = any (v_moved);
    insert into learn_internal.local_days (user_id, zone_number, local_date, first_at, last_at)
    select r.user_id, r.zone_number, r.local_date, r.first_at, r.last_at
    from learn_internal.moved_learners m
    join learn_internal.local_day_recounts r on r.user_id = m.user_id
    where m.user_id = any (v_moved);
    update learn.user_stats s set last_zone_number = 0, settled_zone = 0 where s.user_id = any (v_moved);
    perform learn_internal.settle_days(m.user_id)
    from learn_internal.moved_learners m
    where m.user_id = any (v_moved);
  end if;
  delete from learn.user_activity_days d
  where d.user_id = any (p_user_ids) and (d.user_id, d.activity_date, d.is_freeze, d.flown_over) not in (
    select r.user_id, r.activity_date, r.is_freeze, r.flown_over
    from learn_internal.activity_day_recounts r
    where r.user_id = any (p_user_ids));
  insert into learn.user_activity_days as d (user_id, activity_date, is_freeze, flown_over)
  select r.user_id, r.activity_date, r.is_freeze, r.flown_over
  from learn_internal.activity_day_recounts r
  where r.user_id = any (p_user_ids) and not r.is_freeze and not exists (
    select from learn.user_activity_days e
    where e.user_id = r.user_id and e.activity_date = r.activity_date and not e.is_freeze)
  on conflict (user_id, activity_date) do update
    set is_freeze = excluded.is_freeze, flown_over = excluded.flown_over
    where (d.is_freeze, d.flown_over) <> (excluded.is_freeze, excluded.flown_over);

  perform learn_internal.settle_streak(f.user_id, null)
  from (
    select distinct z.user_id from learn.streak_freezes z where z.user_id = any (p_user_ids)
  ) f;

  -- XP, level, streak
  update learn.user_stats s
  set total_xp = x.total_xp,
    reward_xp = x.reward_xp,
    current_level = learn.calculate_level_from_xp(x.total_xp),
    highest_level = x.highest_level,
    current_streak = coalesce(d.current_streak, 0),
    longest_streak = coalesce(d.longest_streak, 0),
    active_days = coalesce(d.active_days, 0),
    last_activity_date = d.last_activity_date,
    streak_freezes = (
      select count(*) from learn.streak_freezes z
      where z.user_id = s.user_id and z.used_on is null)
  from (
    select * from learn_internal.xp_recounts r where r.user_id = any (p_user_ids)
  ) x
  left join (
    select * from learn_internal.streak_states t where t.user_id = any (p_user_ids)
  ) d on d.user_id = x.user_id
  where s.user_id = any (p_user_ids) and x.user_id = s.user_id;

  -- Metrics
  insert into learn.user_metrics (user_id, metric, scope, value)  -- those that differ
  select w.user_id, w.metric, w.scope, sum(w.due)
  from (
    select r.user_id, r.metric, r.scope, r.value as due, 0 as value
    from learn_internal.metric_recounts r
    where r.user_id = any (p_user_ids)
    union all
    select m.user_id, m.metric, m.scope, 0, m.value from learn.user_metrics m where m.user_id = any (p_user_ids)
  ) w
  group by w.user_id, w.metric, w.scope
  having sum(w.due) <> sum(w.value)
  on conflict (user_id, metric, scope) do update set value = excluded.value;
  delete from learn.user_metrics m where m.user_id = any (p_user_ids) and m.value = 0;

  delete from learn_internal.user_runs u where u.user_id = any (p_user_ids);
  insert into learn_internal.user_runs (user_id, metric, scope, reset_at, last_at)
  select r.user_id, r.metric, r.scope, r.reset_at, r.last_at
  from learn_internal.run_recounts r
  where r.user_id = any (p_user_ids);
  delete from learn_internal.user_metric_days d where d.user_id = any (p_user_ids);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date, zone_number)
  select r.user_id, r.metric, r.scope, r.activity_date, r.zone_number
  from learn_internal.metric_day_recounts r
  where r.user_id = any (p_user_ids);

  -- Progress
  delete from learn.user_exercise_progress p
  where p.user_id = any (p_user_ids) and not exists (
    select from learn.query_submissions q
    where q.user_id = p.user_id and q.exercise_id = p.exercise_id);
  insert into learn.user_exercise_progress as p
    (user_id, exercise_id, submissions, wrong_submissions,
     failed_submissions, is_first_try, solved_at)
  select r.user_id, r.exercise_id, r.submissions, r.wrong_submissions,
    r.failed_submissions, r.is_first_try, r.solved_at
  from learn_internal.exercise_recounts r
  where r.user_id = any (p_user_ids) and not exists (
    select from learn.user_exercise_progress e
    where e.user_id = r.user_id and e.exercise_id = r.exercise_id and e.submissions = r.submissions
      and e.wrong_submissions = r.wrong_submissions and e.failed_submissions = r.failed_submissions
      and e.is_first_try = r.is_first_try and e.solved_at is not distinct from r.solved_at)
  on conflict (user_id, exercise_id) do update
    set submissions = excluded.submissions, wrong_submissions = excluded.wrong_submissions,
      failed_submissions = excluded.failed_submissions, is_first_try = excluded.is_first_try,
      solved_at = excluded.solved_at;

  update learn.user_skills u
  set current_level = r.current_level,
    highest_level = greatest(r.highest_level, r.current_level),
    mastered_at = coalesce(u.mastered_at, r.mastered_at)
  from learn_internal.skill_recounts r
  where r.user_id = any (p_user_ids) and u.user_id = r.user_id and u.skill_id = r.skill_id
    and (u.current_level, u.highest_level, u.mastered_at) is distinct from (r.current_level,
      greatest(r.highest_level, r.current_level), coalesce(u.mastered_at, r.mastered_at));

  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select r.user_id, r.achievement_id, r.earned_at, '{"is_restored": true}'
  from learn_internal.achievement_recounts r
  where r.user_id = any (p_user_ids) and not exists (
    select from learn.user_achievements a
    where a.user_id = r.user_id and a.achievement_id = r.achievement_id)
  on conflict do nothing;

  -- What was completed stays completed: the facts say so, and are not written again.
  insert into learn.user_level_unlocks as p (user_id, course_level_id, unlocked_at, completed_at)
  select c.user_id, v.id, c.completed_at, c.completed_at
  from learn_internal.completion_facts c
  join learn.course_levels v on c.activity_type = 'level_completed' and v.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, course_level_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  update learn.user_course_progress p
  set completed_at = c.completed_at
  from learn_internal.completion_facts c
  where c.user_id = any (p_user_ids) and c.activity_type = 'course_completed'
    and p.user_id = c.user_id and p.course_id::text = c.subject_id and p.completed_at is null;
  insert into learn.user_track_progress as p (user_id, track_id, total_items, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.tracks t on c.activity_type = 'track_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, track_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_path_progress as p (user_id, path_id, total_tracks, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.learning_paths t on c.activity_type = 'path_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, path_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
  select c.user_id, t.key, c.completed_at
  from learn_internal.completion_facts c
  join learn.difficulties t on c.activity_type = 'difficulty_completed' and t.key = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict do nothing;

  insert into learn.user_challenge_progress as p
    (user_id, challenge_id, current_level, levels_completed, unlocked_at, started_at, total_attempts,
     time_spent_seconds, best_score)
  select r.user_id, r.challenge_id, r.current_level, coalesce(r.levels_completed, '{}'),
    r.unlocked_at, r.started_at, r.total_attempts, r.time_spent_seconds, r.best_score
  from learn_internal.challenge_recounts r
  where r.user_id = any (p_user_ids)
  on conflict (user_id, challenge_id) do update
    set current_level = excluded.current_level, levels_completed = excluded.levels_completed,
      unlocked_at = coalesce(p.unlocked_at, excluded.unlocked_at),
      started_at = excluded.started_at, total_attempts = excluded.total_attempts,
      time_spent_seconds = excluded.time_spent_seconds, best_score = excluded.best_score;
  update learn.user_challenge_progress p
  set current_level = 0, levels_completed = '{}', started_at = null, total_attempts = 0,
    time_spent_seconds = 0, best_score = null
  where p.user_id = any (p_user_ids) and not exists (
    select from learn.level_attempts a
    where a.user_id = p.user_id and a.challenge_id = p.challenge_id)
    and not exists (
    select from learn.imported_challenge_progress i
    where i.user_id = p.user_id and i.challenge_id = p.challenge_id);
  update learn.user_challenge_progress p
  set completed_at = c.completed_at
  from learn_internal.completion_facts c
  where c.user_id = any (p_user_ids) and c.activity_type = 'challenge_completed'
    and p.user_id = c.user_id and p.challenge_id::text = c.subject_id and p.completed_at is null;

  perform learn_internal.recount_courses(p_user_ids);
  perform learn_internal.recount_tracks(p_user_ids, (select array_agg(t.id) from learn.tracks t));
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_paths(
    p_user_ids, (select array_agg(p.id) from learn.learning_paths p)) f;
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_difficulties(
    p_user_ids, (select array_agg(d.key) from learn.difficulties d)) f;

  -- Community
  perform learn_internal.recount_posts(p_user_ids);

  -- Certificates that are missing; those that are there stay as they were issued.
  perform learn_internal.issue_certificates(
    array_agg(p.user_id), array_agg(p.course_id), array_agg(p.completed_at))
  from learn.user_course_progress p
  where p.user_id = any (p_user_ids) and p.completed_at is not null;

  -- Leaderboards and analytics
  perform learn_internal.recount_boards(array_agg(s.user_id))
  from learn_internal.board_suspects s
  where s.user_id = any (p_user_ids)
  having count(*) > 0;
  if p_tallies then
    perform learn_internal.settle_tallies();
  end if;
end;
$$;
comment on function learn_internal.rebuild_users(uuid[], boolean) is
  'Recomputes every projection of users from facts.';
