-- Course numbers of upserts, and levels that were moved

set role learn_owner;

-- functions/operations/check_integrity.sql

-- Recomputes every projection from facts, set-based, and compares. No row when all is well.
-- Reads only.
create or replace function learn.check_integrity()
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql                  -- keeps its plan, which takes longer to make than to run
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
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

  -- quizzes
  union all
  select 'quizzes_are_facts', a.user_id, format('a fact for quiz %s', a.id), 'none'
  from learn.quiz_attempts a
  left join learn.activity_log f on f.user_id = a.user_id and f.activity_type = 'quiz_completed'
    and f.subject_type = 'quiz' and f.subject_id = a.id::text
  where f.id is null
  union all
  select 'quiz_answers_add_up', a.user_id,
    format('quiz %s: %s of %s', a.id, s.correct, s.answers),
    format('quiz %s: %s of %s', a.id, a.correct_answers, a.total_questions)
  from learn.quiz_attempts a
  join (
    select w.user_id, w.quiz_attempt_id, count(*) as answers,
      count(*) filter (where w.is_correct) as correct
    from learn.user_answers w
    group by w.user_id, w.quiz_attempt_id
  ) s on s.user_id = a.user_id and s.quiz_attempt_id = a.id
  where (s.correct, s.answers) <> (a.correct_answers, a.total_questions)

  -- challenges
  union all
  select 'challenge_progress_follows_from_attempts', coalesce(r.user_id, p.user_id),
    format('challenge %s: %s', coalesce(r.challenge_id, p.challenge_id),
      (coalesce(r.levels_completed, '{}'), coalesce(r.current_level, 0),
        coalesce(r.total_attempts, 0), coalesce(r.time_spent_seconds, 0), r.best_score)),
    format('challenge %s: %s', coalesce(r.challenge_id, p.challenge_id),
      (p.levels_completed, p.current_level, p.total_attempts, p.time_spent_seconds, p.best_score))
  from learn_internal.challenge_recounts r
  full join learn.user_challenge_progress p
    on p.user_id = r.user_id and p.challenge_id = r.challenge_id
  where (coalesce(r.levels_completed, '{}'), coalesce(r.current_level, 0),
      coalesce(r.total_attempts, 0), coalesce(r.time_spent_seconds, 0), r.best_score)
    is distinct from (p.levels_completed, p.current_level, p.total_attempts, p.time_spent_seconds,
      p.best_score)
  union all
  select 'attempted_challenges_are_unlocked', p.user_id,
    format('challenge %s unlocked', p.challenge_id), 'locked'
  from learn.user_challenge_progress p
  where p.unlocked_at is null
  union all
  select 'full_challenges_are_completed', f.user_id,
    format('challenge %s completed', f.challenge_id), 'not completed'
  from learn_internal.full_challenges f
  join learn.user_challenge_progress p on p.user_id = f.user_id and p.challenge_id = f.challenge_id
  where p.completed_at is null
  union all
  select 'passed_levels_are_facts', p.user_id,
    format('a fact for level %s of challenge %s', l, p.challenge_id), 'none'
  from learn.user_challenge_progress p
  cross join lateral unnest(p.levels_completed) l
  left join learn.activity_log f on f.user_id = p.user_id
    and f.activity_type = 'challenge_level_passed' and f.subject_type = 'challenge_level'
    and f.subject_id = p.challenge_id || ':' || l
  where f.id is null
  union all
  select 'imported_progress_is_paid', i.user_id,
    format('challenge %s: at least %s', i.challenge_id, i.total_xp),
    format('challenge %s: %s', i.challenge_id, coalesce(f.xp, 0))
  from learn.imported_challenge_progress i
  left join (
    select l.user_id, l.subject_id, sum(l.xp) as xp
    from learn.activity_log l
    where l.activity_type = 'xp_awarded' and l.subject_type = 'challenge'
      and l.properties ->> 'source_type' = 'import'
    group by l.user_id, l.subject_id
  ) f on f.user_id = i.user_id and f.subject_id = i.challenge_id::text
  where coalesce(f.xp, 0) < i.total_xp

  -- skills
  union all
  select 'skill_levels_follow_from_points', r.user_id,
    format('skill %s: level %s, highest %s', r.skill_id, r.current_level, r.highest_level),
    format('skill %s: level %s, highest %s', u.skill_id, u.current_level, u.highest_level)
  from learn_internal.skill_recounts r
  join learn.user_skills u on u.user_id = r.user_id and u.skill_id = r.skill_id
  where (u.current_level, u.highest_level) <> (r.current_level, r.highest_level)
  union all
  select 'full_skills_are_mastered', r.user_id,
    format('skill %s mastered', r.skill_id), 'not mastered'
  from learn_internal.skill_recounts r
  join learn.user_skills u on u.user_id = r.user_id and u.skill_id = r.skill_id
  where u.mastered_at is null and (r.is_full or r.mastered_at is not null)
  union all
  select 'mastered_skills_are_facts', r.user_id, format('a fact for skill %s', r.skill_id), 'none'
  from learn_internal.skill_recounts r
  join learn.user_skills u on u.user_id = r.user_id and u.skill_id = r.skill_id
  where u.mastered_at is not null and r.mastered_at is null
  union all
  select 'assessments_are_facts', a.user_id, format('a fact for assessment %s', a.id), 'none'
  from learn.assessment_results a
  left join learn.activity_log f on f.user_id = a.user_id
    and f.activity_type = 'assessment_completed' and f.subject_type = 'assessment'
    and f.subject_id = a.id::text
  where f.id is null

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
  join learn.user_course_progress p on p.user_id = r.user_id and p.course_id = r.course_id
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
  where f.id is null

  -- credentials
  union all
  select 'completed_courses_have_certificates', p.user_id,
    format('a certificate for course %s', p.course_id), 'none'
  from learn.user_course_progress p
  where p.completed_at is not null and not exists (
    select from learn.nft_certificates c
    where c.user_id = p.user_id and c.course_id = p.course_id)
  union all
  select 'pending_faucet_requests_have_a_message', r.user_id,
    format('a message for request %s', r.id), 'none'
  from learn.faucet_requests r
  where r.status = 'pending' and not exists (
    select from learn.outbox o
    where o.topic = 'faucet' and o.key = r.user_id || ' ' || r.id);
end;
$$;
comment on function learn.check_integrity() is
  'Recomputes every projection from facts and compares; no row when all is well. Reads only.';
revoke all on function learn.check_integrity() from public;

-- functions/progress/unlock_levels.sql

-- Unlocks the levels that are due for users in courses, completes those whose lessons are completed
-- already, and goes on with the ones after them until nothing is new: as often as a course has such
-- levels in a row, each time for all users at once.
create or replace function learn_internal.unlock_levels(p_user_ids uuid[], p_course_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
as $$
declare
  v_user_ids   uuid[];
  v_lesson_ids bigint[];
  v_facts      learn_internal.fact[];
begin
  loop
    -- As due_level_unlocks says, by key whatever the size of the statement: the order of levels
    -- is looked up once per course, and unlocks once per user and level.
    with levels as materialized (
      select * from learn_internal.level_order o where o.course_id = any (p_course_ids)
    ), unlocked as (
      insert into learn.user_level_unlocks (user_id, course_level_id, unlocked_at)
      select p.user_id, o.course_level_id, greatest(p.enrolled_at, b.completed_at)
      from learn.user_course_progress p
      join levels o on o.course_id = p.course_id
      left join lateral (
        select u.completed_at from learn.user_level_unlocks u
        where u.user_id = p.user_id and u.course_level_id = o.previous_level_id
        limit 1
      ) b on true
      left join lateral (
        select u.user_id from learn.user_level_unlocks u
        where u.user_id = p.user_id and u.course_level_id = o.course_level_id
        limit 1
      ) a on true
      where p.user_id = any (p_user_ids) and p.course_id = any (p_course_ids)
        and (o.previous_level_id is null or b.completed_at is not null) and a.user_id is null
      order by p.user_id, o.course_id, o.position, o.course_level_id
      returning user_id, course_level_id
    )
    select array_agg(u.user_id), array_agg(l.id) into v_user_ids, v_lesson_ids
    from unlocked u
    join learn.lessons l on l.course_level_id = u.course_level_id and l.is_available
    where exists (
      select from learn.exercises e
      join learn.user_exercise_progress x
        on x.user_id = u.user_id and x.exercise_id = e.id and x.solved_at is not null
      where e.lesson_id = l.id and e.is_published)
      and not exists (
        select from learn.user_lesson_progress p
        where p.user_id = u.user_id and p.lesson_id = l.id and p.completed_at is not null);
    -- Their exercises may have been solved before, in another level or before there was one.
    if v_user_ids is not null then
      perform learn_internal.complete_solved_lessons(v_user_ids, v_lesson_ids);
    end if;

    with due as (
      select u.user_id, u.course_level_id, r.completed_at
      from learn.user_level_unlocks u
      join learn.course_levels v on v.id = u.course_level_id and v.course_id = any (p_course_ids)
      -- a level that was moved may be in a course in which its learner is not enrolled
      join learn.user_course_progress p on p.user_id = u.user_id and p.course_id = v.course_id
      cross join lateral (
        select x.completed_at from learn_internal.level_recounts x
        where x.user_id = u.user_id and x.course_level_id = u.course_level_id
        limit 1
      ) r
      where u.user_id = any (p_user_ids) and u.completed_at is null
    ), completed as (
      update learn.user_level_unlocks u
      set completed_at = d.completed_at
      from due d
      where u.user_id = d.user_id and u.course_level_id = d.course_level_id
      returning u.user_id, u.course_level_id, u.completed_at
    )
    select array_agg(
      (c.user_id, 'level_completed', 'course_level', c.course_level_id::text,
        jsonb_build_object('slug', v.slug, 'course', k.slug), null,
        c.completed_at)::learn_internal.fact
      order by c.user_id, c.completed_at, v.position, v.id)
    into v_facts
    from completed c
    join learn.course_levels v on v.id = c.course_level_id
    join learn.courses k on k.id = v.course_id;
    exit when v_facts is null;
    perform learn_internal.write_facts(v_facts);
  end loop;
end;
$$;
comment on function learn_internal.unlock_levels(uuid[], bigint[]) is
  'Unlocks levels that are due for users in courses, and completes those that are complete.';
revoke all on function learn_internal.unlock_levels(uuid[], bigint[]) from public;

-- triggers/progress/course_progress_inserted.sql

-- When users are enrolled: required prerequisites must be completed, enrolling is a fact, the first
-- level is unlocked, and lessons of the course that were completed before count.
-- Errors: LX006 a required prerequisite is not completed.
create or replace function learn_internal.course_progress_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_user_ids   uuid[];
  v_course_ids bigint[];
  v_missing    record;
  v_done       record;
begin
  select array_agg(n.user_id), array_agg(n.course_id) into v_user_ids, v_course_ids from new_rows n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  perform learn_internal.write_facts(array_agg(
    (n.user_id, 'course_enrolled', 'course', n.course_id::text,
      jsonb_build_object('slug', c.slug), null, n.enrolled_at)::learn_internal.fact
    order by n.user_id, n.enrolled_at, n.course_id))
  from new_rows n
  join learn.courses c on c.id = n.course_id;

  perform learn_internal.settle_courses(v_user_ids, v_course_ids);

  -- Lessons that were solved while the prerequisites were not met, in levels too that were unlocked
  -- before they came to this course
  select array_agg(n.user_id) as user_ids, array_agg(l.id) as lesson_ids
  into v_done
  from new_rows n
  join learn.lessons l on l.course_id = n.course_id and l.is_available
  where exists (
    select from learn.exercises e
    join learn.user_exercise_progress x
      on x.user_id = n.user_id and x.exercise_id = e.id and x.solved_at is not null
    where e.lesson_id = l.id and e.is_published)
    and not exists (
      select from learn.user_lesson_progress p
      where p.user_id = n.user_id and p.lesson_id = l.id and p.completed_at is not null);
  if v_done.user_ids is not null then
    perform learn_internal.complete_solved_lessons(v_done.user_ids, v_done.lesson_ids);
  end if;

  -- A completion that was brought along, by an import
  select array_agg(n.user_id) as user_ids, array_agg(n.course_id) as course_ids,
    array_agg(n.completed_at) as at
  into v_done
  from new_rows n
  where n.completed_at is not null;
  if v_done.user_ids is not null then
    perform learn_internal.complete_courses(v_done.user_ids, v_done.course_ids, v_done.at);
  end if;

  -- Last, because the statement may bring what it asks for
  select n.user_id, c.slug, string_agg(r.slug, ', ' order by r.slug) as prerequisites
  into v_missing
  from new_rows n
  join learn.courses c on c.id = n.course_id
  join learn_internal.course_requirements r on r.course_id = n.course_id
  where not exists (
    select from learn.user_course_progress p
    where p.user_id = n.user_id and p.course_id = r.prerequisite_course_id
      and p.completed_at is not null)
  group by n.user_id, c.slug
  limit 1;
  if found then
    raise exception 'the prerequisites of the course are not met'
      using errcode = 'LX006',
        detail = format('user_id = %s, course %s needs: %s',
          v_missing.user_id, v_missing.slug, v_missing.prerequisites),
        hint = 'Complete these courses first.';
  end if;
  return null;
end;
$$;
comment on function learn_internal.course_progress_inserted() is
  'Statement trigger: enrolments are checked (LX006), become facts, and unlock the first level.';
revoke all on function learn_internal.course_progress_inserted() from public;

create or replace trigger course_progress_inserted
  after insert on learn.user_course_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.course_progress_inserted();
comment on trigger course_progress_inserted on learn.user_course_progress is
  'Checks prerequisites, writes facts, unlocks the first level.';

-- triggers/progress/lesson_progress_inserted.sql

-- When lesson progress is written: started lessons are facts, and completed ones
-- pay and move their tracks.
create or replace function learn_internal.lesson_progress_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_completions learn_internal.completion[];
  v_user_ids    uuid[];
  v_lesson_ids  bigint[];
  v_at          timestamptz[];
  v_started     bigint;
  v_is_perfect  boolean;
  v_has_time    boolean;
  -- An upsert: its updated rows have been through lesson_progress_updated(), and courses that were
  -- recounted there have counted the inserted rows too. At worst it was an earlier statement.
  v_is_upsert   boolean := current_setting('learn_internal.lessons_updated', true) = 'yes';
begin
  select
    array_agg((n.user_id, n.lesson_id, n.completed_at, n.started_at, n.score,
      null, null, null, null, 'lesson_completed')::learn_internal.completion),
    array_agg(n.user_id), array_agg(n.lesson_id), array_agg(n.completed_at),
    count(n.started_at), bool_or(n.score = 100), bool_or(n.time_spent_seconds > 0)
  into v_completions, v_user_ids, v_lesson_ids, v_at, v_started, v_is_perfect, v_has_time
  from new_rows n;
  if v_started > 0 or v_has_time then
    -- all users at once, in key order: the steps below lock some of them each
    perform from learn.user_stats s where s.user_id = any (v_user_ids)
    order by s.user_id for no key update;
    perform learn_internal.touch_courses(
      array_agg((n.user_id, n.lesson_id, coalesce(n.time_spent_seconds, 0),
        greatest(n.started_at, n.completed_at))::learn_internal.lesson_time))
    from new_rows n
    where n.time_spent_seconds > 0 or n.started_at is not null;
  end if;
  if v_started > 0 then
    perform learn_internal.write_lesson_starts(
      array_agg((n.user_id, n.lesson_id, n.started_at)::learn_internal.lesson_event))
    from new_rows n
    where n.started_at is not null;
  end if;
  if array_position(v_at, null) is not null then
    select array_agg(c), array_agg(c.user_id), array_agg(c.lesson_id), array_agg(c.completed_at)
    into v_completions, v_user_ids, v_lesson_ids, v_at
    from unnest(v_completions) c
    where c.completed_at is not null;
  end if;
  if v_user_ids is not null then
    perform learn_internal.apply_lesson_completions(
      v_completions, v_user_ids, v_lesson_ids, v_at, v_started > 0, v_is_perfect);
  end if;
  if v_is_upsert and exists (select from new_rows) then
    perform set_config('learn_internal.lessons_updated', '', true);
    perform learn_internal.settle_courses(array_agg(distinct n.user_id), array_agg(distinct l.course_id))
    from new_rows n
    join learn.lessons l on l.id = n.lesson_id
    where l.course_id is not null
    having count(*) > 0;
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_inserted() is
  'Statement trigger: facts of started lessons; completed ones pay and move their tracks.';
revoke all on function learn_internal.lesson_progress_inserted() from public;

create or replace trigger lesson_progress_inserted
  after insert on learn.user_lesson_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.lesson_progress_inserted();
comment on trigger lesson_progress_inserted on learn.user_lesson_progress is
  'Started and completed lessons become facts.';

-- triggers/progress/lesson_progress_updated.sql

-- When lesson progress changes: what has become started or completed by the change
-- is treated like new rows.
create or replace function learn_internal.lesson_progress_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_completions learn_internal.completion[];
  v_user_ids    uuid[];
  v_lesson_ids  bigint[];
  v_at          timestamptz[];
  v_starts      learn_internal.lesson_event[];
  v_started     bigint;
  v_is_perfect  boolean;
  v_touched     learn_internal.lesson_time[];
begin
  if not exists (select from new_rows) then
    return null;
  end if;
  select
    array_agg((n.user_id, n.lesson_id, n.started_at)::learn_internal.lesson_event)
      filter (where n.started_at is not null and o.started_at is null),
    array_agg((n.user_id, n.lesson_id,
        coalesce(n.time_spent_seconds, 0) - coalesce(o.time_spent_seconds, 0),
        greatest(
          case when o.started_at is null then n.started_at end,
          case when o.completed_at is null then n.completed_at end))::learn_internal.lesson_time)
      filter (where n.time_spent_seconds is distinct from o.time_spent_seconds
        or n.started_at is not null and o.started_at is null),
    array_agg((n.user_id, n.lesson_id, n.completed_at, n.started_at, n.score,
      null, null, null, null, 'lesson_completed')::learn_internal.completion)
      filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.user_id) filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.lesson_id) filter (where n.completed_at is not null and o.completed_at is null),
    array_agg(n.completed_at) filter (where n.completed_at is not null and o.completed_at is null),
    count(n.started_at), bool_or(n.score = 100)
  into v_starts, v_touched, v_completions, v_user_ids, v_lesson_ids, v_at, v_started, v_is_perfect
  from new_rows n
  join old_rows o on o.user_id = n.user_id and o.lesson_id = n.lesson_id;
  if v_touched is not null and v_user_ids is not null then
    -- all users at once, in key order: the steps below lock some of them each
    perform from learn.user_stats s where s.user_id in (select n.user_id from new_rows n)
    order by s.user_id for no key update;
  end if;
  if v_touched is not null then
    perform learn_internal.touch_courses(v_touched);
  end if;
  if v_starts is not null then
    perform learn_internal.write_lesson_starts(v_starts);
  end if;
  if v_user_ids is not null then
    perform learn_internal.apply_lesson_completions(
      v_completions, v_user_ids, v_lesson_ids, v_at, v_started > 0, v_is_perfect);
    -- for lesson_progress_inserted(), which comes next when this is an upsert
    perform set_config('learn_internal.lessons_updated', 'yes', true);
  end if;
  return null;
end;
$$;
comment on function learn_internal.lesson_progress_updated() is
  'Statement trigger: lessons that a change has started or completed become facts.';
revoke all on function learn_internal.lesson_progress_updated() from public;

create or replace trigger lesson_progress_updated
  after update on learn.user_lesson_progress
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.lesson_progress_updated();
comment on trigger lesson_progress_updated on learn.user_lesson_progress is
  'Started and completed lessons become facts.';

reset role;
