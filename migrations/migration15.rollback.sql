-- Undoes migration15.sql. What its tables held is lost.

set role learn_owner;

-- function learn.check_integrity()

-- Recomputes every projection from facts, set-based, and compares. No row when all is well.
-- Reads only.
create or replace function learn.check_integrity()
returns table (check_name text, user_id uuid, expected text, actual text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  -- identity
  select 'user_has_stats', u.id, 'a row in user_stats', 'none'
  from learn.users u
  where not exists (select from learn.user_stats s where s.user_id = u.id)

  -- xp
  union all
  select 'total_xp_is_the_ledger_sum', s.user_id, x.total_xp::text, s.total_xp::text
  from learn.user_stats s
  join learn_internal.xp_recounts x on x.user_id = s.user_id
  where s.total_xp <> x.total_xp
  union all
  select 'level_follows_the_curve', s.user_id,
    learn.calculate_level_from_xp(s.total_xp)::text, s.current_level::text
  from learn.user_stats s
  where s.current_level <> learn.calculate_level_from_xp(s.total_xp)
  union all
  select 'levels_are_announced', s.user_id, x.highest_level::text, s.highest_level::text
  from learn.user_stats s
  join learn_internal.xp_recounts x on x.user_id = s.user_id
  where s.highest_level <> x.highest_level
  union all
  select 'facts_are_paid', coalesce(f.user_id, t.user_id),
    format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(f.xp, 0)),
    format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(t.xp, 0))
  from (
    select l.user_id, l.activity_type, sum(l.xp) as xp
    from learn.activity_log l
    where l.activity_type in (
      'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked')
    group by l.user_id, l.activity_type
  ) f
  full join (
    select t.user_id, t.activity_type, sum(t.amount) as xp
    from learn.xp_transactions t
    where t.activity_type in (
      'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked')
    group by t.user_id, t.activity_type
  ) t on t.user_id = f.user_id and t.activity_type = f.activity_type
  where coalesce(f.xp, 0) <> coalesce(t.xp, 0)

  -- streaks
  union all
  select 'active_days_follow_from_facts', coalesce(r.user_id, d.user_id),
    case when r.user_id is null then 'no ' || d.activity_date
      else format('%s freeze=%s', r.activity_date, r.is_freeze) end,
    case when d.user_id is null then 'no ' || r.activity_date
      else format('%s freeze=%s', d.activity_date, d.is_freeze) end
  from learn_internal.activity_day_recounts r
  full join learn.user_activity_days d
    on d.user_id = r.user_id and d.activity_date = r.activity_date
  where r.is_freeze is distinct from d.is_freeze
  union all
  select 'streak_follows_from_days', s.user_id,
    format('current %s, longest %s, days %s, last %s',
      coalesce(r.current_streak, 0), coalesce(r.longest_streak, 0),
      coalesce(r.active_days, 0), r.last_activity_date),
    format('current %s, longest %s, days %s, last %s',
      s.current_streak, s.longest_streak, s.active_days, s.last_activity_date)
  from learn.user_stats s
  left join learn_internal.streak_states r on r.user_id = s.user_id
  where (s.current_streak, s.longest_streak, s.active_days)
    <> (coalesce(r.current_streak, 0), coalesce(r.longest_streak, 0), coalesce(r.active_days, 0))
    or s.last_activity_date is distinct from r.last_activity_date
  union all
  select 'freezes_held_are_counted', s.user_id, coalesce(z.held, 0)::text, s.streak_freezes::text
  from learn.user_stats s
  left join (
    select f.user_id, count(*) as held from learn.streak_freezes f
    where f.used_on is null group by f.user_id
  ) z on z.user_id = s.user_id
  where s.streak_freezes <> coalesce(z.held, 0)

  -- activity
  union all
  select 'metrics_follow_from_facts', coalesce(r.user_id, m.user_id),
    format('%s %s = %s',
      coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(r.value, 0)),
    format('%s %s = %s',
      coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(m.value, 0))
  from learn_internal.metric_recounts r
  full join learn.user_metrics m
    on m.user_id = r.user_id and m.metric = r.metric and m.scope = r.scope
  where coalesce(r.value, 0) <> coalesce(m.value, 0)

  union all
  select 'metric_days_follow_from_facts', coalesce(r.user_id, d.user_id),
    case when r.user_id is null then 'none'
      else format('%s %s %s', r.metric, r.scope, r.activity_date) end,
    case when d.user_id is null then 'none'
      else format('%s %s %s', d.metric, d.scope, d.activity_date) end
  from learn_internal.metric_day_recounts r
  full join learn_internal.user_metric_days d
    on d.user_id = r.user_id and d.metric = r.metric and d.scope = r.scope
      and d.activity_date = r.activity_date
  where r.user_id is null or d.user_id is null

  -- catalog
  union all
  select 'course_sizes_follow_from_lessons', null::uuid,
    format('course %s: %s lessons, %s levels, weight %s', c.id,
      coalesce(z.total_lessons, 0), coalesce(z.total_levels, 0), coalesce(z.total_weight, 0)),
    format('course %s: %s lessons, %s levels, weight %s', c.id,
      c.total_lessons, c.total_levels, c.total_weight)
  from learn.courses c
  left join learn_internal.course_sizes z on z.course_id = c.id
  where (c.total_lessons, c.total_levels, c.total_weight)
    <> (coalesce(z.total_lessons, 0), coalesce(z.total_levels, 0), coalesce(z.total_weight, 0))
  union all
  select 'lessons_are_available_when_all_is_published', null,
    format('lesson %s: %s', l.id, not l.is_available), format('lesson %s: %s', l.id, l.is_available)
  from learn.lessons l
  left join learn.course_levels v on v.id = l.course_level_id
  left join learn.courses c on c.id = l.course_id
  where l.is_available
    <> (l.is_published and coalesce(v.is_published, true) and coalesce(c.is_published, true))

  -- practice
  union all
  select 'exercise_progress_follows_from_submissions', coalesce(r.user_id, p.user_id),
    format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
      (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)),
    format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
      (p.submissions, p.wrong_submissions, p.failed_submissions, p.is_first_try, p.solved_at))
  from learn_internal.exercise_recounts r
  full join learn.user_exercise_progress p
    on p.user_id = r.user_id and p.exercise_id = r.exercise_id
  where (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)
    is distinct from (p.submissions, p.wrong_submissions,
      p.failed_submissions, p.is_first_try, p.solved_at)

  -- progress
  union all
  select 'solved_lessons_are_completed', v.user_id,
    format('lesson %s completed', v.lesson_id), 'not completed'
  from learn_internal.solved_lessons v
  join learn.lessons l on l.id = v.lesson_id
  where not exists (
    select from learn.user_lesson_progress p
    where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null)
    and (l.course_id is null or exists (  -- else when they enrol
      select from learn.user_course_progress p
      where p.user_id = v.user_id and p.course_id = l.course_id))
  union all
  select 'completed_lessons_are_facts', p.user_id,
    format('a fact for lesson %s', p.lesson_id), 'none'
  from learn.user_lesson_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'lesson_completed'
    and f.subject_type = 'lesson' and f.subject_id = p.lesson_id::text
  where p.completed_at is not null and f.id is null
  union all
  select 'enrolments_are_facts', p.user_id,
    format('a fact for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'course_enrolled'
    and f.subject_type = 'course' and f.subject_id = p.course_id::text
  where f.id is null
  union all
  select 'course_progress_follows_from_lessons', p.user_id,
    format('course %s: lessons %s of %s, levels %s of %s, weight %s of %s, %s seconds', p.course_id,
      coalesce(r.lessons_completed, 0), c.total_lessons, coalesce(v.levels_completed, 0),
      c.total_levels, coalesce(r.weight_completed, 0), c.total_weight,
      coalesce(r.time_spent_seconds, 0)),
    format('course %s: lessons %s of %s, levels %s of %s, weight %s of %s, %s seconds', p.course_id,
      p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels,
      p.weight_completed, p.total_weight, p.time_spent_seconds)
  from learn.user_course_progress p
  join learn.courses c on c.id = p.course_id
  left join learn_internal.course_recounts r
    on r.user_id = p.user_id and r.course_id = p.course_id
  left join learn_internal.course_level_recounts v
    on v.user_id = p.user_id and v.course_id = p.course_id
  where (p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels,
      p.weight_completed, p.total_weight, p.time_spent_seconds)
    <> (coalesce(r.lessons_completed, 0), c.total_lessons, coalesce(v.levels_completed, 0),
      c.total_levels, coalesce(r.weight_completed, 0), c.total_weight,
      coalesce(r.time_spent_seconds, 0))
  union all
  select 'full_courses_are_completed', p.user_id,
    format('course %s completed', p.course_id), 'not completed'
  from learn.user_course_progress p
  join learn.courses c on c.id = p.course_id and c.is_published
  where p.completion_percentage = 100 and p.completed_at is null
  union all
  select 'completed_courses_are_facts', p.user_id,
    format('a fact for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'course_completed'
    and f.subject_type = 'course' and f.subject_id = p.course_id::text
  where p.completed_at is not null and f.id is null
  union all
  select 'due_levels_are_unlocked', d.user_id, format('level %s unlocked', d.course_level_id),
    'locked'
  from learn_internal.due_level_unlocks d
  union all
  select 'full_levels_are_completed', r.user_id, format('level %s completed', r.course_level_id),
    'not completed'
  from learn_internal.level_recounts r
  join learn.user_level_unlocks u
    on u.user_id = r.user_id and u.course_level_id = r.course_level_id
  where u.completed_at is null
  union all
  select 'track_progress_follows_from_items', coalesce(r.user_id, p.user_id),
    format('track %s: %s of %s',
      coalesce(r.track_id, p.track_id), coalesce(r.items_completed, 0), coalesce(z.total_items, 0)),
    format('track %s: %s of %s',
      coalesce(r.track_id, p.track_id), coalesce(p.items_completed, 0), coalesce(p.total_items, 0))
  from learn_internal.track_recounts r
  full join learn.user_track_progress p on p.user_id = r.user_id and p.track_id = r.track_id
  left join learn_internal.track_sizes z on z.track_id = coalesce(r.track_id, p.track_id)
  where coalesce(r.items_completed, 0) <> coalesce(p.items_completed, 0)
    or coalesce(z.total_items, 0) <> coalesce(p.total_items, 0)
  union all
  select 'full_tracks_are_completed', p.user_id,
    format('track %s completed', p.track_id), 'not completed'
  from learn.user_track_progress p
  join learn.tracks t on t.id = p.track_id and t.is_published
  where p.total_items > 0 and p.items_completed = p.total_items and p.completed_at is null
  union all
  select 'path_progress_follows_from_tracks', coalesce(r.user_id, p.user_id),
    format('path %s: %s of %s',
      coalesce(r.path_id, p.path_id), coalesce(r.tracks_completed, 0), coalesce(z.total_tracks, 0)),
    format('path %s: %s of %s',
      coalesce(r.path_id, p.path_id), coalesce(p.tracks_completed, 0), coalesce(p.total_tracks, 0))
  from learn_internal.path_recounts r
  full join learn.user_path_progress p on p.user_id = r.user_id and p.path_id = r.path_id
  left join learn_internal.path_sizes z on z.path_id = coalesce(r.path_id, p.path_id)
  where coalesce(r.tracks_completed, 0) <> coalesce(p.tracks_completed, 0)
    or coalesce(z.total_tracks, 0) <> coalesce(p.total_tracks, 0)
  union all
  select 'full_paths_are_completed', p.user_id,
    format('path %s completed', p.path_id), 'not completed'
  from learn.user_path_progress p
  join learn.learning_paths l on l.id = p.path_id and l.is_published
  where p.total_tracks > 0 and p.tracks_completed = p.total_tracks and p.completed_at is null
  union all
  select 'full_difficulties_are_completed', r.user_id,
    format('difficulty %s completed', r.difficulty), 'not completed'
  from learn_internal.difficulty_recounts r
  where not exists (
    select from learn.user_difficulty_progress p
    where p.user_id = r.user_id and p.difficulty = r.difficulty)

  -- achievements
  union all
  select 'achievements_follow_from_facts', coalesce(r.user_id, u.user_id),
    case when r.user_id is null then 'no achievement ' || u.achievement_id
      else 'achievement ' || r.achievement_id end,
    case when u.user_id is null then 'no achievement ' || r.achievement_id
      else 'achievement ' || u.achievement_id end
  from learn_internal.achievement_recounts r
  full join learn.user_achievements u
    on u.user_id = r.user_id and u.achievement_id = r.achievement_id
  where r.user_id is null or u.user_id is null
  union all
  select 'reached_achievements_are_earned', d.user_id, d.slug, 'not earned'
  from learn_internal.deserved_achievements d
  where (d.is_sole or learn_internal.satisfies_criteria(d.user_id, d.criteria))
    and not learn_internal.was_deserved_before(
      d.user_id, d.metric, d.scope, d.threshold, d.criteria_changed_at)

  -- community
  union all
  select 'discussion_counts_follow_from_rows', d.author_id,
    format('discussion %s: %s', d.id,
      (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)),
    format('discussion %s: %s', d.id,
      (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved))
  from learn.discussions d
  join learn_internal.discussion_recounts c on c.discussion_id = d.id
  where (d.reply_count, d.upvote_count, d.downvote_count, d.is_solved)
    <> (c.reply_count, c.upvote_count, c.downvote_count, c.is_solved)
  union all
  select 'reply_counts_follow_from_votes', r.author_id,
    format('reply %s: %s', r.id, (c.upvote_count, c.downvote_count)),
    format('reply %s: %s', r.id, (r.upvote_count, r.downvote_count))
  from learn.replies r
  join learn_internal.reply_recounts c on c.reply_id = r.id
  where (r.upvote_count, r.downvote_count) <> (c.upvote_count, c.downvote_count)
  union all
  select 'posts_are_facts', p.user_id,
    format('%s for %s %s', p.activity_type, p.subject_type, p.subject_id), 'none'
  from learn_internal.post_facts p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = p.activity_type
    and f.subject_type = p.subject_type and f.subject_id = p.subject_id
  where f.id is null;
$$;
comment on function learn.check_integrity() is 'Recomputes every projection from facts and compares; no row when all is well. Reads only.';
revoke execute on function learn.check_integrity() from public;

-- function learn_internal.complete_courses(uuid[],bigint[],timestamp with time zone[])

-- Marks courses as completed for users, parallel arrays, and follows up: facts and tracks.
create or replace function learn_internal.complete_courses(
  p_user_ids uuid[], p_course_ids bigint[], p_at timestamptz[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
as $$
declare
  v_facts learn_internal.fact[];
begin
  with completed as (
    update learn.user_course_progress p
    set completed_at = c.at
    from unnest(p_user_ids, p_course_ids, p_at) c(user_id, course_id, at)
    where p.user_id = c.user_id and p.course_id = c.course_id
    returning p.user_id, p.course_id, p.completed_at
  )
  select array_agg(
    (c.user_id, 'course_completed', 'course', c.course_id::text,
      jsonb_build_object('slug', k.slug, 'category', k.category, 'difficulty', k.difficulty,
        'language', k.language, 'track', t.slug),
      k.completion_xp, c.completed_at)::learn_internal.fact
    order by c.user_id, c.completed_at, c.course_id)
  into v_facts
  from completed c
  join learn.courses k on k.id = c.course_id
  left join learn.tracks t on t.id = k.track_id;
  perform learn_internal.write_facts(v_facts);

  perform learn_internal.advance_tracks(p_user_ids, 'course', p_course_ids, p_at);
end;
$$;
comment on function learn_internal.complete_courses(uuid[],bigint[],timestamp with time zone[]) is 'Completes courses for users, writes the facts, and moves the tracks.';
revoke execute on function learn_internal.complete_courses(uuid[],bigint[],timestamp with time zone[]) from public;

-- function learn_internal.rebuild_users(uuid[])

-- Recomputes every projection of users from facts: active days and streaks,
-- XP and levels from the ledger, metrics, progress in exercises, courses, tracks,
-- paths and difficulties.
-- Nothing is paid, earned or lost: the ledger, the log and what was earned are the facts;
-- an achievement whose row was lost is put back from the log.
create or replace function learn_internal.rebuild_users(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.hold_content();
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  insert into learn.user_stats (user_id)
  select u.id from learn.users u where u.id = any (p_user_ids)
  on conflict do nothing;

  -- Days and streaks
  delete from learn.user_activity_days d where d.user_id = any (p_user_ids);
  insert into learn.user_activity_days (user_id, activity_date, is_freeze)
  select r.user_id, r.activity_date, r.is_freeze
  from learn_internal.activity_day_recounts r
  where r.user_id = any (p_user_ids);

  -- XP, level, streak
  update learn.user_stats s
  set total_xp = x.total_xp,
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
  delete from learn.user_metrics m where m.user_id = any (p_user_ids);
  insert into learn.user_metrics (user_id, metric, scope, value)
  select r.user_id, r.metric, r.scope, r.value
  from learn_internal.metric_recounts r
  where r.user_id = any (p_user_ids) and r.value <> 0;

  delete from learn_internal.user_metric_days d where d.user_id = any (p_user_ids);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
  select r.user_id, r.metric, r.scope, r.activity_date
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
  where r.user_id = any (p_user_ids)
  on conflict (user_id, exercise_id) do update
    set submissions = excluded.submissions, wrong_submissions = excluded.wrong_submissions,
      failed_submissions = excluded.failed_submissions, is_first_try = excluded.is_first_try,
      solved_at = excluded.solved_at;

  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select r.user_id, r.achievement_id, r.earned_at, '{"is_restored": true}'
  from learn_internal.achievement_recounts r
  where r.user_id = any (p_user_ids)
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

  perform learn_internal.settle_courses(p_user_ids, (select array_agg(c.id) from learn.courses c));
  perform learn_internal.recount_tracks(p_user_ids, (select array_agg(t.id) from learn.tracks t));
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_paths(
    p_user_ids, (select array_agg(p.id) from learn.learning_paths p)) f;
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_difficulties(
    p_user_ids, (select array_agg(d.key) from learn.difficulties d)) f;

  -- Community
  perform learn_internal.recount_posts(p_user_ids);
end;
$$;
comment on function learn_internal.rebuild_users(uuid[]) is 'Recomputes every projection of users from facts.';
revoke execute on function learn_internal.rebuild_users(uuid[]) from public;

drop trigger serve_faucet_requests on learn.faucet_requests;
drop function learn_internal.serve_faucet_requests();
drop trigger limit_faucet_requests on learn.faucet_requests;
drop trigger keep_faucet_requests on learn.faucet_requests;
drop function learn_internal.keep_faucet_requests();
drop trigger faucet_requests_hold on learn.faucet_requests;
drop trigger link_transactions on learn.transactions;
drop trigger keep_transactions on learn.transactions;
drop function learn_internal.keep_transactions();
drop trigger transactions_hold on learn.transactions;
drop trigger announce_certificates on learn.nft_certificates;
drop function learn_internal.announce_certificates();
drop trigger keep_certificates on learn.nft_certificates;
drop function learn_internal.keep_certificates();
drop trigger fill_certificates on learn.nft_certificates;
drop function learn_internal.fill_certificates();
drop trigger nft_certificates_hold on learn.nft_certificates;
drop function learn.advance_faucet_request(uuid, bigint, text, text, text);
drop function learn.request_faucet(uuid, text, numeric, inet, timestamptz, text);
drop function learn_internal.lock_faucet_accounts(text[]);
drop function learn.advance_transaction(text, text, timestamptz, text);
drop function learn.record_transaction(uuid, text, text, numeric, text, text, bigint, bigint);
drop function learn.revoke_certificate(text, text);
drop function learn.certificate_minted(text, text, text, bigint, text, text);
drop function learn.achievement_credential(uuid, text);
drop function learn.certificate_credential(text);
drop function learn.verify_certificate(text);
drop function learn.certificates(uuid);
drop function learn_internal.issue_certificates(uuid[], bigint[], timestamptz[]);
drop function learn_internal.open_badge(text, timestamptz, text, jsonb);
drop function learn_internal.public_name(uuid);
drop function learn_internal.is_next_status(text, text);
drop view learn.dead_outbox;
drop function learn.purge_outbox(timestamptz);
drop function learn.retry_outbox(bigint[]);
drop function learn.fail_outbox(bigint[], text, text);
drop function learn.complete_outbox(bigint[]);
drop function learn.claim_outbox(integer, text[], text);
drop function learn_internal.setting_boolean(text);
drop function learn_internal.setting_string(text);
drop table learn.faucet_requests;
drop table learn.nft_certificates;
drop sequence learn_internal.certificate_numbers;
drop table learn.transactions;
drop table learn.outbox;
delete from learn.platform_settings where key in (
  'outbox_timeout_seconds',
  'outbox_retry_seconds',
  'outbox_max_attempts',
  'nft_minting_enabled',
  'hashscan_url',
  'faucet_interval_hours',
  'faucet_max_hbar',
  'issuer_name',
  'issuer_url',
  'credential_url');

reset role;
