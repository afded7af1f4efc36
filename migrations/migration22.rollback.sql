-- Undoes migration22.sql.

set role learn_owner;

drop trigger achievements_lost on learn.user_achievements;
drop trigger days_deleted on learn.user_activity_days;
drop trigger days_inserted on learn.user_activity_days;
drop trigger days_updated on learn.user_activity_days;
drop trigger tally_course_stages on learn.user_course_progress;
drop trigger tally_course_stages_moved on learn.user_course_progress;
drop trigger tally_deleted_users on learn.users;
drop trigger tally_track_stages on learn.user_track_progress;
drop trigger tally_track_stages_moved on learn.user_track_progress;
drop function learn.refresh_analytics();
drop function learn_internal.settle_tallies();
drop function learn_internal.tally_course_stages();
drop function learn_internal.tally_days();
drop function learn_internal.tally_deleted_users();
drop function learn_internal.tally_lost_achievements();
drop function learn_internal.tally_track_stages();
drop view learn.achievement_rarity;
drop view learn.cohort_retention;
drop view learn.course_funnel;
drop view learn.daily_active_learners;
drop view learn.streak_distribution;
drop view learn.track_funnel;
drop view learn.weekly_active_learners;
drop view learn.weekly_xp_by_source;
drop view learn_internal.tally_differences;
drop view learn_internal.tally_recounts;
drop function learn_internal.funnel_stage(numeric,boolean,boolean);
drop view learn.daily_xp_by_source;
drop view learn_internal.tally_totals;

-- function learn.check_integrity()

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
    where o.topic = 'faucet' and o.key = r.user_id || ' ' || r.id)

  -- leaderboards
  union all
  select d.check_name, d.user_id, d.expected, d.actual from learn_internal.board_damage d;
end;
$$;
comment on function learn.check_integrity() is 'Recomputes every projection from facts and compares; no row when all is well. Reads only.';
revoke execute on function learn.check_integrity() from public;

-- function learn_internal.announce_achievements()

-- triggers/achievements/announce_achievements.sql
-- When achievements are earned: their avatars are unlocked, and earning them is a fact,
-- which pays their XP.
create or replace function learn_internal.announce_achievements()
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
begin
  if not exists (select from earned) then
    return null;
  end if;

  insert into learn.user_avatars (user_id, avatar_id, unlocked_at)
  select e.user_id, a.unlocks_avatar_id, e.earned_at
  from earned e
  join learn.achievements a on a.id = e.achievement_id
  where a.unlocks_avatar_id is not null
  order by e.user_id, a.unlocks_avatar_id
  on conflict do nothing;

  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp,
     occurred_at, local_date, is_qualifying)
  select e.user_id, 'achievement_earned', 'achievement', a.slug,
    jsonb_build_object(
      'achievement_id', a.id, 'category', a.category, 'rarity', a.rarity, 'system', a.system),
    a.xp_reward, e.earned_at, (e.earned_at at time zone u.timezone)::date, false
  from earned e
  join learn.achievements a on a.id = e.achievement_id
  join learn.users u on u.id = e.user_id
  where not e.evidence ? 'is_restored'  -- rebuilt from the fact that is there
  order by e.user_id, e.id;
  return null;
end;
$$;
comment on function learn_internal.announce_achievements() is 'Statement trigger: unlocks the avatars of earned achievements and writes achievement_earned facts.';
revoke execute on function learn_internal.announce_achievements() from public;

-- function learn_internal.process_activities()

-- When facts are written: the engine. Everything that a fact causes happens here, in this order,
-- for one fact or for a million: lock, streak, XP and level, metrics, achievements.
-- Earned achievements and new levels are facts too: they are written to the log and come through
-- here again, until nothing is new.
--
-- Costs do not depend on a user's history: counters are incremented, thresholds found by index.
-- Statements are small and the rare ones conditional, because for a single fact preparing a plan
-- to run costs more than running it.
-- Errors: LX001 a fact of an unknown activity type, or one that is malformed.
create or replace function learn_internal.process_activities()
returns trigger
language plpgsql
volatile
security definer                  -- a writer of facts need not be a writer of rewards
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  v_gains         learn_internal.gain[];  -- per user: the XP of these facts
  v_user_ids      uuid[];              -- the same users; where it is needed
  -- what some of these facts cause, so that the rest is left out:
  v_causes        integer;             -- bits, see below
  v_is_capped     boolean := false;
  v_feeds_days    boolean := false;
  v_resets_runs   boolean := false;
  v_notifies      boolean := false;
  v_unknown       text;
  v_is_malformed  boolean;
  v_capped        jsonb;               -- what facts within a cap for the day pay, by their ids
  v_level         integer[];           -- per user, before these facts
  v_streak        integer[];
  v_active_days   integer[];
  v_day_user_ids  uuid[];
  v_days          date[];
  v_is_new_level  boolean;
  v_won           learn_internal.win[];  -- thresholds crossed
  v_earned_at     jsonb;               -- by user: when the latest of these facts occurred
begin
  -- Content is held as hold_content() does it, without the price of a call.
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;

  -- 1. Lock the users' stats rows in key order, before anything else of theirs is read.
  -- The same statement tells what there is to do, from these rows and from what types can cause:
  -- 1 XP, 2 metrics, 4 what is rare (see below), 8 another day than the last active one,
  -- 16 a total of XP that means a level or an achievement, or a level that an easier curve has given
  -- and that is yet to be announced, 32 boards. Bits, since each aggregate has its price.
  select array_agg((f.user_id, f.xp)::learn_internal.gain), bit_or(f.causes
    | case when f.first_day < f.last_day or f.last_day <> f.last_activity_date
        or f.last_activity_date is null and f.last_day is not null then 8 else 0 end
    | case when f.xp <> 0 and (f.current_level > f.highest_level or exists (
        select from learn_internal.xp_marks m
        where m.xp > least(f.total_xp, f.total_xp + f.xp)
          and m.xp <= greatest(f.total_xp, f.total_xp + f.xp))) then 16 else 0 end)
  into v_gains, v_causes
  from (
    select c.*, s.total_xp, s.current_level, s.highest_level, s.last_activity_date
    from (
      select n.user_id, sum(coalesce(n.xp, t.pays)) as xp,
        min(n.local_date) filter (where n.is_qualifying) as first_day,
        max(n.local_date) filter (where n.is_qualifying) as last_day,
        bit_or(case when coalesce(n.xp, t.pays) <> 0 then 1 else 0 end
          | case when t.feeds_metrics then 2 else 0 end
          | case when t.feeds_boards then 32 else 0 end
          | case when t.key is null or t.is_capped or t.feeds_days or t.resets_runs or t.notifies
              or jsonb_typeof(n.properties) <> 'object'
              or (n.subject_type is null) <> (n.subject_id is null) then 4 else 0 end) as causes
      from new_facts n
      left join learn.activity_types t on t.key = n.activity_type
      group by n.user_id
    ) c
    join learn.user_stats s on s.user_id = c.user_id
    order by c.user_id
    for no key update of s
  ) f;
  if v_gains is null then
    -- statement triggers fire for zero rows too: without this they would call each other for ever
    return null;
  end if;
  if v_causes & 4 <> 0 then
    select bool_or(t.is_capped), bool_or(t.feeds_days), bool_or(t.resets_runs), bool_or(t.notifies),
      string_agg(distinct n.activity_type, ', ') filter (where t.key is null),
      bool_or(jsonb_typeof(n.properties) <> 'object'
        or (n.subject_type is null) <> (n.subject_id is null))
    into v_is_capped, v_feeds_days, v_resets_runs, v_notifies, v_unknown, v_is_malformed
    from new_facts n
    left join learn.activity_types t on t.key = n.activity_type;
    if v_unknown is not null then
      raise exception 'unknown activity type'
        using errcode = 'LX001', detail = v_unknown,
          hint = 'Add it to learn.activity_types first.';
    elsif v_is_malformed then
      raise exception 'a fact is malformed'
        using errcode = 'LX001', detail = (
          select format('properties = %s, subject_type = %L, subject_id = %L',
            n.properties, n.subject_type, n.subject_id)
          from new_facts n
          where jsonb_typeof(n.properties) <> 'object'
            or (n.subject_type is null) <> (n.subject_id is null)
          limit 1),
          hint = 'Properties are a JSON object; a subject has both a type and an id.';
    end if;
  end if;

  if v_causes & 28 <> 0 then
    v_user_ids := array(select g.user_id from unnest(v_gains) g order by g.user_id);
  end if;

  -- 2. Local active days move the streak.
  if v_causes & 8 <> 0 then
    select array_agg(d.user_id order by d.first_id), array_agg(d.local_date order by d.first_id)
    into v_day_user_ids, v_days
    from (
      select n.user_id, n.local_date, min(n.id) as first_id
      from new_facts n
      where n.is_qualifying
      group by n.user_id, n.local_date
    ) d
    where not exists (
      select from learn.user_activity_days a
      where a.user_id = d.user_id and a.activity_date = d.local_date and not a.is_freeze);
    if v_days is not null then
      select array_agg(s.longest_streak), array_agg(s.active_days) into v_streak, v_active_days
      from (
        select * from learn.user_stats l where l.user_id = any (v_user_ids) order by l.user_id
      ) s;
      perform learn_internal.advance_streaks(v_day_user_ids, v_days, learn.clock());
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select d.user_id, 'active_days', d.local_date, 1
      from unnest(v_day_user_ids, v_days) d(user_id, local_date)
      where exists (select from learn.metrics m where m.key = 'active_days' and m.is_board);
    end if;
  end if;

  -- 3. XP into the ledger: what the fact carries, else what the rule pays.
  if v_is_capped then
    -- Within a cap: less what the same type has paid this user for the same day,
    -- in the ledger and before in this statement. Ledger rows of a day are never older than it,
    -- which leaves older partitions and rows alone.
    select jsonb_object_agg(c.id, greatest(0, least(c.amount, c.daily_cap - c.earlier - c.before)))
    into v_capped
    from (
      select n.id, coalesce(n.xp, r.amount) as amount, r.daily_cap,
        sum(coalesce(n.xp, r.amount)) over (
          partition by n.user_id, n.activity_type, n.local_date
          order by n.id) - coalesce(n.xp, r.amount) as earlier,
        (
          select coalesce(sum(t.amount), 0)
          from learn.xp_transactions t
          where t.user_id = n.user_id and t.earned_on = n.local_date
            and t.activity_type = n.activity_type
            and t.amount > 0 and t.created_at >= n.local_date - interval '2 days'
        ) as before
      from new_facts n
      join learn.xp_rules r on r.activity_type = n.activity_type
      where r.daily_cap is not null and coalesce(n.xp, r.amount) > 0
    ) c;
    select array_agg((p.user_id, p.xp)::learn_internal.gain), v_causes | 16 into v_gains, v_causes
    from (
      select n.user_id,
        sum(coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays))::bigint as xp
      from new_facts n
      join learn.activity_types t on t.key = n.activity_type
      group by n.user_id
    ) p
    where p.user_id = any (v_user_ids);
  end if;

  if v_causes & 1 <> 0 then
    with paid as (
      insert into learn.xp_transactions
        (user_id, amount, activity_type, source_type, source_id, description, earned_on, created_at)
      select p.user_id, p.amount, p.activity_type,
        case when p.is_told then p.properties ->> 'source_type' else p.activity_type end,
        case when p.is_told then p.properties ->> 'source_id' else p.subject_id end,
        case when p.is_told then p.properties ->> 'description' end,
        p.local_date, p.recorded_at
      from (
        select n.*,
          -- its caller names the source
          n.activity_type in ('xp_awarded', 'xp_reversed') as is_told,
          coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays) as amount
        from new_facts n
        join learn.activity_types t on t.key = n.activity_type
      ) p
      where p.amount <> 0
      returning user_id, earned_on, amount
    )
    insert into learn_internal.board_gains (user_id, metric, local_date, amount)
    select p.user_id, 'xp', p.earned_on, sum(p.amount)
    from paid p
    where exists (select from learn.metrics m where m.key = 'xp' and m.is_board)
    group by p.user_id, p.earned_on;

    -- 4. The total and the level follow, and the achievements for these.
    if v_causes & 16 = 0 then
      update learn.user_stats s
      set total_xp = s.total_xp + g.xp
      from unnest(v_gains) g
      where s.user_id = g.user_id and g.xp <> 0;
    else
      select array_agg(s.highest_level) into v_level
      from (
        select * from learn.user_stats l where l.user_id = any (v_user_ids) order by l.user_id
      ) s;
      with credited as (
        update learn.user_stats s
        set total_xp = o.total_xp + g.xp,
          current_level = l.level,
          highest_level = greatest(o.highest_level, l.level)
        from unnest(v_gains) g
        join learn.user_stats o on o.user_id = g.user_id
        cross join lateral (
          select coalesce((
            select t.level from learn.level_thresholds t
            where t.min_xp <= o.total_xp + g.xp
            order by t.min_xp desc
            limit 1), 1) as level
        ) l
        where s.user_id = g.user_id and g.xp <> 0
        returning s.user_id, o.total_xp as old_xp, s.total_xp as new_xp,
          o.highest_level as old_level, s.highest_level as new_level
      )
      select bool_or(c.new_level > c.old_level),
        array_agg((c.user_id, t.achievement_id, jsonb_build_object(
          'metric', t.metric, 'scope', '', 'value', case t.metric when 'xp' then c.new_xp
            else c.new_level end))::learn_internal.win) filter (where t.metric is not null)
      into v_is_new_level, v_won
      from credited c
      left join learn_internal.achievement_thresholds t
        on t.scope = '' and (
          t.metric = 'xp' and t.threshold > c.old_xp and t.threshold <= c.new_xp
          or t.metric = 'level_reached' and t.threshold > c.old_level
            and t.threshold <= c.new_level);
    end if;
  end if;

  -- 5. Metrics count what happened.
  -- 6. The achievements whose thresholds that crosses are found by index.
  if v_causes & 2 <> 0 then
    -- (An amount is null where facts lack the property: the new value is null or the old one then.)
    with changed as (
      select t.user_id, t.metric, t.scope, coalesce(o.value, 0) as old_value,
        case when t.is_maximum then greatest(coalesce(o.value, 0), t.amount)
          else coalesce(o.value, 0) + t.amount end as new_value
      from (
        select f.user_id, f.metric, f.scope, f.aggregate = 'max' as is_maximum,
          case f.aggregate when 'max' then max(f.amount) else sum(f.amount) end::bigint as amount
        from (
          select n.user_id, m.metric, m.aggregate,
            coalesce(n.properties ->> m.scope_property, '') as scope,
            case when m.property is null then 1
              else learn_internal.number_property(n.properties, m.property) end as amount
          from new_facts n
          join learn_internal.metric_feeds m on m.activity_type = n.activity_type
          where n.properties @> m.filter
            and (m.aggregate <> 'run' or not v_resets_runs)
            and (m.scope_property is null or n.properties ->> m.scope_property <> '')
        ) f
        group by f.user_id, f.metric, f.scope, f.aggregate
      ) t
      left join learn.user_metrics o
        on o.user_id = t.user_id and o.metric = t.metric and o.scope = t.scope
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value
      from changed c
      where c.new_value <> c.old_value
      on conflict (user_id, metric, scope) do update set value = excluded.value
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.new_value)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope and t.threshold > c.old_value
        and t.threshold <= c.new_value;
  end if;

  if v_causes & 32 <> 0 then
    insert into learn_internal.board_gains (user_id, metric, local_date, amount)
    select g.user_id, g.metric, g.local_date,
      case g.aggregate when 'max' then max(g.amount) else sum(g.amount) end
    from (
      select n.user_id, m.metric, m.aggregate,
        case when m.aggregate = 'run' then '-infinity' else n.local_date end as local_date,
        case when m.property is null then 1
          else learn_internal.number_property(n.properties, m.property) end as amount
      from new_facts n
      join learn_internal.metric_feeds m on m.activity_type = n.activity_type
      where m.is_board and n.properties @> m.filter
        and (m.aggregate <> 'run' or not v_resets_runs)
    ) g
    where g.amount is not null
    group by g.user_id, g.metric, g.local_date, g.aggregate;
  end if;

  if v_feeds_days then
    with new_days as (
      insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
      select distinct n.user_id, m.key, s.scope, n.local_date
      from new_facts n
      join learn.metrics m on m.activity_type = n.activity_type and m.aggregate = 'distinct_days'
        and n.properties @> m.filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
      on conflict do nothing
      returning user_id, metric, scope, activity_date
    ), changed as (
      select d.user_id, d.metric, d.scope, o.value as old_value, o.value + d.added as new_value
      from (
        select n.user_id, n.metric, n.scope, count(*) as added
        from new_days n
        group by n.user_id, n.metric, n.scope
      ) d
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = d.user_id and u.metric = d.metric and u.scope = d.scope), 0) as value
      ) o
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value from changed c
      on conflict (user_id, metric, scope) do update set value = excluded.value
    ), boarded as (
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select n.user_id, n.metric, n.activity_date, 1
      from new_days n
      join learn.metrics m on m.key = n.metric and m.is_board
      where n.scope = ''
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.new_value)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope
        and t.threshold > c.old_value and t.threshold <= c.new_value;
  end if;

  if v_resets_runs then
    with events as (
      select n.user_id, m.key as metric, s.scope, n.id, false as is_reset
      from new_facts n
      join learn.metrics m on m.activity_type = n.activity_type
        and m.aggregate = 'run' and n.properties @> m.filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
      union all
      select n.user_id, m.key, s.scope, n.id, true
      from new_facts n
      join learn.metrics m on m.reset_activity_type = n.activity_type
        and n.properties @> m.reset_filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
    ), runs as (
      -- Run 0 goes on from before this statement, each reset starts another;
      -- the last one is the value that stays.
      select e.user_id, e.metric, e.scope, e.run, count(*) filter (where not e.is_reset) as length,
        e.run = max(e.run) over (partition by e.user_id, e.metric, e.scope) as is_last
      from (
        select v.*, count(*) filter (where v.is_reset) over (
          partition by v.user_id, v.metric, v.scope
          order by v.id, v.is_reset desc rows unbounded preceding) as run
        from events v
      ) e
      group by e.user_id, e.metric, e.scope, e.run
    ), changed as (
      select r.user_id, r.metric, r.scope, o.value as old_value,
        coalesce(
          sum(r.length) filter (where r.is_last and r.run > 0),
          o.value + sum(r.length) filter (where r.run = 0)) as new_value,
        greatest(
          o.value + coalesce(sum(r.length) filter (where r.run = 0), 0),
          max(r.length) filter (where r.run > 0)) as peak
      from runs r
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = r.user_id and u.metric = r.metric and u.scope = r.scope), 0) as value
      ) o
      group by r.user_id, r.metric, r.scope, o.value
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value
      from changed c
      where c.new_value <> c.old_value
      on conflict (user_id, metric, scope) do update set value = excluded.value
    ), boarded as (
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select c.user_id, c.metric, '-infinity', c.new_value - c.old_value
      from changed c
      join learn.metrics m on m.key = c.metric and m.is_board
      where c.scope = '' and c.new_value <> c.old_value
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.peak)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope
        and t.threshold > c.old_value and t.threshold <= c.peak;
  end if;

  if v_days is not null then
    select v_won || array_agg((
      s.user_id, t.achievement_id,
      jsonb_build_object('metric', v.metric, 'scope', '', 'value', v.new_value)
    )::learn_internal.win)
    into v_won
    from unnest(v_user_ids, v_streak, v_active_days) b(user_id, streak, active_days)
    join learn.user_stats s on s.user_id = b.user_id
    cross join lateral (
      values
        ('current_streak', b.streak, s.longest_streak),
        ('active_days', b.active_days, s.active_days)
    ) v(metric, old_value, new_value)
    join learn_internal.achievement_thresholds t
      on t.metric = v.metric and t.scope = '' and t.threshold > v.old_value
        and t.threshold <= v.new_value;
  end if;

  -- 7. Users are told of what rules name.
  if v_notifies then
    perform learn_internal.notify_facts(array_agg(
      (n.user_id, n.id, n.activity_type, n.subject_type, n.subject_id,
        n.properties)::learn_internal.notice order by n.id))
    from new_facts n
    join learn.activity_types t on t.key = n.activity_type and t.notifies;
  end if;

  -- 8. What was reached is a fact too.
  if v_is_new_level or v_won is not null then
    select jsonb_object_agg(f.user_id, f.last_at) into v_earned_at
    from (
      select n.user_id, max(n.occurred_at) as last_at from new_facts n group by n.user_id
    ) f;
  end if;
  if v_is_new_level then
    insert into learn_internal.board_gains (user_id, metric, local_date, amount)
    select b.user_id, 'level_reached', '-infinity', s.highest_level - b.level
    from unnest(v_user_ids, v_level) b(user_id, level)
    join learn.user_stats s on s.user_id = b.user_id and s.highest_level > b.level
    where exists (select from learn.metrics m where m.key = 'level_reached' and m.is_board);

    insert into learn.activity_log
      (user_id, activity_type, subject_type, subject_id, properties,
       occurred_at, local_date, is_qualifying)
    select b.user_id, t.key, 'level', l.level::text, jsonb_build_object('level', l.level),
      e.at, (e.at at time zone u.timezone)::date, t.is_qualifying
    from unnest(v_user_ids, v_level) b(user_id, level)
    cross join lateral (select (v_earned_at ->> b.user_id::text)::timestamptz as at) e
    join learn.user_stats s on s.user_id = b.user_id
    join learn.users u on u.id = b.user_id
    join learn.activity_types t on t.key = 'level_reached'
    cross join lateral generate_series(b.level + 1, s.highest_level) l(level)
    order by b.user_id, l.level;
  end if;

  if v_won is not null then
    insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
    select w.user_id, w.achievement_id, (v_earned_at ->> w.user_id::text)::timestamptz, w.evidence
    from unnest(v_won) w
    join learn.achievements a on a.id = w.achievement_id
    where (a.criteria ? 'metric' or learn_internal.satisfies_criteria(w.user_id, a.criteria))
      and not exists (
        select from learn.revoked_achievements r
        where r.user_id = w.user_id and r.achievement_id = w.achievement_id)
    order by w.user_id, a.display_order, w.achievement_id
    on conflict (user_id, achievement_id) do nothing;
  end if;

  -- 9. What has been gained is folded into the boards now and then, by whoever comes to it.
  if v_causes & 33 <> 0 and random() * 100 < cardinality(v_gains) then
    perform learn_internal.try_fold_boards();
  end if;
  return null;
end;
$$;
comment on function learn_internal.process_activities() is 'The engine, a statement trigger: facts move streaks, pay XP, count in metrics and earn achievements.';
revoke execute on function learn_internal.process_activities() from public;

-- function learn_internal.rebuild_users(uuid[])

-- Recomputes every projection of users from facts: active days and streaks,
-- XP and levels from the ledger, metrics, progress in exercises, courses, challenges, tracks,
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

  -- Certificates that are missing; those that are there stay as they were issued.
  perform learn_internal.issue_certificates(
    array_agg(p.user_id), array_agg(p.course_id), array_agg(p.completed_at))
  from learn.user_course_progress p
  where p.user_id = any (p_user_ids) and p.completed_at is not null;

  perform learn_internal.recount_boards(p_user_ids);
end;
$$;
comment on function learn_internal.rebuild_users(uuid[]) is 'Recomputes every projection of users from facts.';
revoke execute on function learn_internal.rebuild_users(uuid[]) from public;

-- function learn_internal.register_users()

-- When users are made: each gets a stats row, and signing up is a fact. Several at once are an
-- import: what they earn by it, they are not notified of.
-- Errors: LX001 unknown time zone.
create or replace function learn_internal.register_users()
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
  v_quiet text := coalesce(current_setting('learn.quiet', true), '');
begin
  if not exists (select from new_users) then
    return null;
  end if;
  perform learn_internal.require_timezones(array_agg(distinct u.timezone)) from new_users u;

  insert into learn.user_stats (user_id)
  select u.id from new_users u order by u.id;

  if (select count(*) from new_users) > 1 then
    perform set_config('learn.quiet', 'on', true);
  end if;
  insert into learn.activity_log (user_id, activity_type, occurred_at, local_date, is_qualifying)
  select u.id, t.key, u.created_at, (u.created_at at time zone u.timezone)::date, t.is_qualifying
  from new_users u
  join learn.activity_types t on t.key = 'user_registered'
  order by u.id;
  perform set_config('learn.quiet', v_quiet, true);
  return null;
end;
$$;
comment on function learn_internal.register_users() is 'Statement trigger: makes users'' stats rows and writes user_registered facts.';
revoke execute on function learn_internal.register_users() from public;

-- trigger announce_achievements on learn.user_achievements

create or replace trigger announce_achievements
  after insert on learn.user_achievements
  referencing new table as earned
  for each statement
  execute function learn_internal.announce_achievements();
comment on trigger announce_achievements on learn.user_achievements is 'Unlocks avatars and writes achievement_earned facts.';

-- trigger process_activities on learn.activity_log

create or replace trigger process_activities
  after insert on learn.activity_log
  referencing new table as new_facts
  for each statement
  execute function learn_internal.process_activities();
comment on trigger process_activities on learn.activity_log is 'The engine: streaks, XP, levels, metrics, achievements.';

-- trigger register_users on learn.users

create or replace trigger register_users
  after insert on learn.users
  referencing new table as new_users
  for each statement
  execute function learn_internal.register_users();
comment on trigger register_users on learn.users is 'Makes stats rows and writes user_registered facts.';

drop type learn_internal.day_move;
drop table learn_internal.tally_changes;
drop table learn_internal.tallies;
alter table learn.user_stats drop column registered_on;

reset role;
