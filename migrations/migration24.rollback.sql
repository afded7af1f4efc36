-- Undoes migration24.sql.

set role learn_owner;

drop trigger challenge_levels_deleted on learn.challenge_levels;
drop trigger challenge_levels_inserted on learn.challenge_levels;
drop trigger challenge_levels_updated on learn.challenge_levels;
drop trigger challenge_progress_deleted on learn.user_challenge_progress;
drop trigger challenges_deleted on learn.challenges;
drop trigger course_levels_deleted on learn.course_levels;
drop trigger course_levels_inserted on learn.course_levels;
drop trigger course_progress_deleted on learn.user_course_progress;
drop trigger courses_deleted on learn.courses;
drop trigger exercises_deleted on learn.exercises;
drop trigger lessons_deleted on learn.lessons;
drop trigger lessons_inserted on learn.lessons;
drop trigger path_tracks_deleted on learn.learning_path_tracks;
drop trigger path_tracks_inserted on learn.learning_path_tracks;
drop trigger path_tracks_updated on learn.learning_path_tracks;
drop trigger tally_course_stages on learn.user_course_progress;
drop trigger tally_course_stages_moved on learn.user_course_progress;
drop trigger tally_track_stages on learn.user_track_progress;
drop trigger tally_track_stages_moved on learn.user_track_progress;
drop trigger track_lessons_deleted on learn.track_lessons;
drop trigger track_lessons_inserted on learn.track_lessons;
drop trigger track_lessons_updated on learn.track_lessons;
drop function learn_internal.recount_lost_items();
drop function learn_internal.refresh_goals(bigint[],text[]);
drop function learn_internal.refresh_parents();
drop function learn_internal.tally_stages();
drop view learn_internal.achievement_damage;
drop view learn_internal.activity_damage;
drop view learn_internal.catalog_damage;
drop view learn_internal.challenge_damage;
drop view learn_internal.community_damage;
drop view learn_internal.credential_damage;
drop view learn_internal.identity_damage;
drop view learn_internal.practice_damage;
drop view learn_internal.progress_damage;
drop view learn_internal.quiz_damage;
drop view learn_internal.skill_damage;
drop view learn_internal.streak_damage;
drop view learn_internal.tally_damage;
drop view learn_internal.xp_damage;

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
  union all
  select 'registration_days_follow_from_facts', s.user_id, f.local_date::text, s.registered_on::text
  from learn.user_stats s
  join learn.activity_log f on f.user_id = s.user_id and f.activity_type = 'user_registered'
  where s.registered_on <> f.local_date

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
  select d.check_name, d.user_id, d.expected, d.actual from learn_internal.board_damage d

  -- analytics
  union all
  select 'tallies_follow_from_rows', null, format('%s %s %s: %s', d.measure, d.day, d.item, d.expected),
    format('%s %s %s: %s', d.measure, d.day, d.item, d.actual)
  from learn_internal.tally_differences d;
end;
$$;
comment on function learn.check_integrity() is 'Recomputes every projection from facts and compares; no row when all is well. Reads only.';
revoke execute on function learn.check_integrity() from public;

-- function learn_internal.refresh_challenges(bigint[])

-- After a change of levels: completes challenges for everybody who has passed all that is left
-- of them.
create or replace function learn_internal.refresh_challenges(p_challenge_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids      uuid[];
  v_challenge_ids bigint[];
  v_at            timestamptz[];
begin
  perform from learn.user_stats s
  where s.user_id in (
    select p.user_id from learn.user_challenge_progress p
    where p.challenge_id = any (p_challenge_ids) and p.completed_at is null
      and p.levels_completed <> '{}')
  order by s.user_id
  for no key update;

  select array_agg(f.user_id), array_agg(f.challenge_id), array_agg(f.last_passed_at)
  into v_user_ids, v_challenge_ids, v_at
  from learn_internal.full_challenges f
  join learn.user_challenge_progress p on p.user_id = f.user_id and p.challenge_id = f.challenge_id
  where f.challenge_id = any (p_challenge_ids) and p.completed_at is null;
  if v_user_ids is not null then
    perform learn_internal.complete_challenges(v_user_ids, v_challenge_ids, v_at);
  end if;
end;
$$;
comment on function learn_internal.refresh_challenges(bigint[]) is 'Completes challenges for everybody who has passed all that is left of them, after a change of levels.';
revoke execute on function learn_internal.refresh_challenges(bigint[]) from public;

-- function learn_internal.challenge_levels_deleted()

CREATE OR REPLACE FUNCTION learn_internal.challenge_levels_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_challenge_ids bigint[];
begin
  select array_agg(distinct o.challenge_id) into v_challenge_ids
  from old_rows o having count(*) > 0;
  if v_challenge_ids is null then
    return null;
  end if;
  perform learn_internal.refresh_challenges(v_challenge_ids);
  perform learn_internal.refresh_tracks(array_agg(distinct k.track_id))
  from learn.challenges k
  where k.id = any (v_challenge_ids) and k.track_id is not null
  having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.challenge_levels_deleted() is 'Statement trigger: completes what is complete after levels were deleted, and recounts tracks.';
revoke execute on function learn_internal.challenge_levels_deleted() from public;

-- function learn_internal.challenge_levels_inserted()

CREATE OR REPLACE FUNCTION learn_internal.challenge_levels_inserted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_challenge_ids bigint[];
begin
  select array_agg(distinct n.challenge_id) into v_challenge_ids
  from new_rows n having count(*) > 0;
  if v_challenge_ids is null then
    return null;
  end if;
  perform learn_internal.refresh_challenges(v_challenge_ids);
  perform learn_internal.refresh_tracks(array_agg(distinct k.track_id))
  from learn.challenges k
  where k.id = any (v_challenge_ids) and k.track_id is not null
  having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.challenge_levels_inserted() is 'Statement trigger: completes what is complete after levels were added, and recounts tracks.';
revoke execute on function learn_internal.challenge_levels_inserted() from public;

-- function learn_internal.challenge_levels_updated()

CREATE OR REPLACE FUNCTION learn_internal.challenge_levels_updated()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_challenge_ids bigint[];
begin
  select array_agg(distinct c.challenge_id) into v_challenge_ids
  from (select n.challenge_id, n.level_number from new_rows n
    union all select o.challenge_id, o.level_number from old_rows o) c
  having count(*) > 0;
  if v_challenge_ids is null then
    return null;
  end if;
  perform learn_internal.refresh_challenges(v_challenge_ids);
  perform learn_internal.refresh_tracks(array_agg(distinct k.track_id))
  from learn.challenges k
  where k.id = any (v_challenge_ids) and k.track_id is not null
  having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.challenge_levels_updated() is 'Statement trigger: completes what is complete after levels were moved, and recounts tracks.';
revoke execute on function learn_internal.challenge_levels_updated() from public;

-- function learn_internal.challenge_progress_deleted()

CREATE OR REPLACE FUNCTION learn_internal.challenge_progress_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
begin
  select array_agg(distinct d.user_id), array_agg(distinct c.track_id) into v_user_ids, v_track_ids
  from deleted_rows d
  join learn.challenges c on c.id = d.challenge_id and c.track_id is not null
  join learn.users u on u.id = d.user_id
  where d.completed_at is not null;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.recount_tracks(v_user_ids, v_track_ids);
  return null;
end;
$function$;
comment on function learn_internal.challenge_progress_deleted() is 'Statement trigger: recounts the tracks of deleted progress in challenges.';
revoke execute on function learn_internal.challenge_progress_deleted() from public;

-- function learn_internal.challenges_deleted()

CREATE OR REPLACE FUNCTION learn_internal.challenges_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct o.track_id))
  from old_rows o
  where o.track_id is not null
  having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.challenges_deleted() is 'Statement trigger: recounts tracks that lost challenges.';
revoke execute on function learn_internal.challenges_deleted() from public;

-- function learn_internal.course_levels_deleted()

CREATE OR REPLACE FUNCTION learn_internal.course_levels_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform learn_internal.refresh_courses(array_agg(distinct o.course_id))
  from old_rows o having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.course_levels_deleted() is 'Statement trigger: recounts courses that lost levels.';
revoke execute on function learn_internal.course_levels_deleted() from public;

-- function learn_internal.course_levels_inserted()

CREATE OR REPLACE FUNCTION learn_internal.course_levels_inserted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform learn_internal.refresh_courses(array_agg(distinct n.course_id))
  from new_rows n having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.course_levels_inserted() is 'Statement trigger: recounts courses that got levels.';
revoke execute on function learn_internal.course_levels_inserted() from public;

-- function learn_internal.course_progress_deleted()

CREATE OR REPLACE FUNCTION learn_internal.course_progress_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
begin
  select array_agg(distinct d.user_id), array_agg(distinct c.track_id) into v_user_ids, v_track_ids
  from deleted_rows d
  join learn.courses c on c.id = d.course_id and c.track_id is not null
  join learn.users u on u.id = d.user_id
  where d.completed_at is not null;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.recount_tracks(v_user_ids, v_track_ids);
  return null;
end;
$function$;
comment on function learn_internal.course_progress_deleted() is 'Statement trigger: recounts the tracks of deleted enrolments.';
revoke execute on function learn_internal.course_progress_deleted() from public;

-- function learn_internal.courses_deleted()

CREATE OR REPLACE FUNCTION learn_internal.courses_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct o.track_id))
  from old_rows o
  where o.track_id is not null
  having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.courses_deleted() is 'Statement trigger: recounts tracks that lost courses.';
revoke execute on function learn_internal.courses_deleted() from public;

-- function learn_internal.exercises_deleted()

CREATE OR REPLACE FUNCTION learn_internal.exercises_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform learn_internal.refresh_lessons(array_agg(distinct o.lesson_id))
  from old_rows o having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.exercises_deleted() is 'Statement trigger: completes lessons that deleted exercises leave solved.';
revoke execute on function learn_internal.exercises_deleted() from public;

-- function learn_internal.lessons_deleted()

CREATE OR REPLACE FUNCTION learn_internal.lessons_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform learn_internal.refresh_courses(array_agg(distinct o.course_id))
  from old_rows o
  where o.course_id is not null
  having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.lessons_deleted() is 'Statement trigger: recounts courses that lost lessons.';
revoke execute on function learn_internal.lessons_deleted() from public;

-- function learn_internal.lessons_inserted()

CREATE OR REPLACE FUNCTION learn_internal.lessons_inserted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform learn_internal.refresh_courses(array_agg(distinct n.course_id))
  from new_rows n
  where n.course_id is not null
  having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.lessons_inserted() is 'Statement trigger: recounts courses that got lessons.';
revoke execute on function learn_internal.lessons_inserted() from public;

-- function learn_internal.refresh_goals(bigint[],text[])

-- functions/progress/refresh_goals.sql
-- After a change of content: recounts learning paths and difficulties for everybody
-- who has completed a track of them.
create or replace function learn_internal.refresh_goals(p_path_ids bigint[], p_difficulties text[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
  v_facts    learn_internal.fact[];
begin
  select array_agg(l.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select p.user_id from learn.user_path_progress p where p.path_id = any (p_path_ids)
      union
      select r.user_id from learn_internal.path_recounts r where r.path_id = any (p_path_ids)
      union
      select r.user_id from learn_internal.difficulty_recounts r
      where r.difficulty = any (p_difficulties))
    order by s.user_id
    for no key update
  ) l;
  if v_user_ids is null then
    return;
  end if;

  select array_agg(f::learn_internal.fact) into v_facts
  from (
    select p.* from learn_internal.refresh_paths(v_user_ids, p_path_ids) p
    union all
    select d.* from learn_internal.refresh_difficulties(v_user_ids, p_difficulties) d
  ) f;
  perform learn_internal.write_facts(v_facts);
end;
$$;
comment on function learn_internal.refresh_goals(bigint[],text[]) is 'Recounts learning paths and difficulties for everybody concerned, after a change of content.';
revoke execute on function learn_internal.refresh_goals(bigint[],text[]) from public;

-- function learn_internal.path_tracks_deleted()

CREATE OR REPLACE FUNCTION learn_internal.path_tracks_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform learn_internal.refresh_goals(array_agg(distinct o.path_id), null)
  from old_rows o having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.path_tracks_deleted() is 'Statement trigger: recounts paths that lost tracks.';
revoke execute on function learn_internal.path_tracks_deleted() from public;

-- function learn_internal.path_tracks_inserted()

CREATE OR REPLACE FUNCTION learn_internal.path_tracks_inserted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform learn_internal.refresh_goals(array_agg(distinct n.path_id), null)
  from new_rows n having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.path_tracks_inserted() is 'Statement trigger: recounts paths that got tracks.';
revoke execute on function learn_internal.path_tracks_inserted() from public;

-- function learn_internal.path_tracks_updated()

CREATE OR REPLACE FUNCTION learn_internal.path_tracks_updated()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform learn_internal.refresh_goals(array_agg(distinct c.path_id), null)
  from (select o.path_id from old_rows o union all select n.path_id from new_rows n) c
  having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.path_tracks_updated() is 'Statement trigger: recounts paths whose tracks changed.';
revoke execute on function learn_internal.path_tracks_updated() from public;

-- function learn_internal.paths_updated()

-- triggers/catalog/paths_updated.sql
-- When learning paths change: one that is published may be complete for some learners already.
create or replace function learn_internal.paths_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_goals(array_agg(n.id), null)
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published <> o.is_published
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.paths_updated() is 'Statement trigger: recounts published and unpublished paths.';
revoke execute on function learn_internal.paths_updated() from public;

-- function learn_internal.tally_course_stages()

CREATE OR REPLACE FUNCTION learn_internal.tally_course_stages()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_old integer;
  v_new integer;
begin
  if tg_op <> 'INSERT' then
    v_old := learn_internal.funnel_stage(
      old.completion_percentage, old.lessons_completed > 0, old.completed_at is not null);
  end if;
  if tg_op <> 'DELETE' then
    v_new := learn_internal.funnel_stage(
      new.completion_percentage, new.lessons_completed > 0, new.completed_at is not null);
  end if;
  if v_old is distinct from v_new then
    insert into learn_internal.tally_changes (measure, day, item, value)
    select 'course_stages', '-infinity', s.item, s.value
    from (
      values (old.course_id || ':' || v_old, -1), (new.course_id || ':' || v_new, 1)
    ) s(item, value)
    where s.item is not null;
  end if;
  return null;
end;
$function$;
comment on function learn_internal.tally_course_stages() is 'Row trigger: tallies learners by their stage in the funnel of a course.';
revoke execute on function learn_internal.tally_course_stages() from public;

-- function learn_internal.tally_track_stages()

CREATE OR REPLACE FUNCTION learn_internal.tally_track_stages()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  v_old integer;
  v_new integer;
begin
  if tg_op <> 'INSERT' then
    v_old := learn_internal.funnel_stage(
      old.progress_percentage, old.items_completed > 0, old.completed_at is not null);
  end if;
  if tg_op <> 'DELETE' then
    v_new := learn_internal.funnel_stage(
      new.progress_percentage, new.items_completed > 0, new.completed_at is not null);
  end if;
  if v_old is distinct from v_new then
    insert into learn_internal.tally_changes (measure, day, item, value)
    select 'track_stages', '-infinity', s.item, s.value
    from (
      values (old.track_id || ':' || v_old, -1), (new.track_id || ':' || v_new, 1)
    ) s(item, value)
    where s.item is not null;
  end if;
  return null;
end;
$function$;
comment on function learn_internal.tally_track_stages() is 'Row trigger: tallies learners by their stage in the funnel of a track.';
revoke execute on function learn_internal.tally_track_stages() from public;

-- function learn_internal.track_lessons_deleted()

CREATE OR REPLACE FUNCTION learn_internal.track_lessons_deleted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct o.track_id))
  from old_rows o having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.track_lessons_deleted() is 'Statement trigger: recounts tracks that lost lessons.';
revoke execute on function learn_internal.track_lessons_deleted() from public;

-- function learn_internal.track_lessons_inserted()

CREATE OR REPLACE FUNCTION learn_internal.track_lessons_inserted()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct n.track_id))
  from new_rows n having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.track_lessons_inserted() is 'Statement trigger: recounts tracks that got lessons.';
revoke execute on function learn_internal.track_lessons_inserted() from public;

-- function learn_internal.track_lessons_updated()

CREATE OR REPLACE FUNCTION learn_internal.track_lessons_updated()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct c.track_id))
  from (
    select o.track_id, o.lesson_id from old_rows o
    union all
    select n.track_id, n.lesson_id from new_rows n
  ) c
  having count(*) > 0;
  return null;
end;
$function$;
comment on function learn_internal.track_lessons_updated() is 'Statement trigger: recounts tracks whose lessons changed.';
revoke execute on function learn_internal.track_lessons_updated() from public;

-- trigger challenge_levels_deleted on learn.challenge_levels

create or replace trigger challenge_levels_deleted
  after delete on learn.challenge_levels
  referencing old table as old_rows
  for each statement
  execute function learn_internal.challenge_levels_deleted();
comment on trigger challenge_levels_deleted on learn.challenge_levels is 'Completes challenges, recounts tracks.';

-- trigger challenge_levels_inserted on learn.challenge_levels

create or replace trigger challenge_levels_inserted
  after insert on learn.challenge_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.challenge_levels_inserted();
comment on trigger challenge_levels_inserted on learn.challenge_levels is 'Completes challenges, recounts tracks.';

-- trigger challenge_levels_updated on learn.challenge_levels

create or replace trigger challenge_levels_updated
  after update on learn.challenge_levels
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.challenge_levels_updated();
comment on trigger challenge_levels_updated on learn.challenge_levels is 'Completes challenges, recounts tracks.';

-- trigger challenge_progress_deleted on learn.user_challenge_progress

create or replace trigger challenge_progress_deleted
  after delete on learn.user_challenge_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.challenge_progress_deleted();
comment on trigger challenge_progress_deleted on learn.user_challenge_progress is 'Recounts tracks.';

-- trigger challenges_deleted on learn.challenges

create or replace trigger challenges_deleted
  after delete on learn.challenges
  referencing old table as old_rows
  for each statement
  execute function learn_internal.challenges_deleted();
comment on trigger challenges_deleted on learn.challenges is 'Recounts the tracks.';

-- trigger course_levels_deleted on learn.course_levels

create or replace trigger course_levels_deleted
  after delete on learn.course_levels
  referencing old table as old_rows
  for each statement
  execute function learn_internal.course_levels_deleted();
comment on trigger course_levels_deleted on learn.course_levels is 'Recounts the courses.';

-- trigger course_levels_inserted on learn.course_levels

create or replace trigger course_levels_inserted
  after insert on learn.course_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.course_levels_inserted();
comment on trigger course_levels_inserted on learn.course_levels is 'Recounts the courses.';

-- trigger course_progress_deleted on learn.user_course_progress

create or replace trigger course_progress_deleted
  after delete on learn.user_course_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.course_progress_deleted();
comment on trigger course_progress_deleted on learn.user_course_progress is 'Recounts tracks.';

-- trigger courses_deleted on learn.courses

create or replace trigger courses_deleted
  after delete on learn.courses
  referencing old table as old_rows
  for each statement
  execute function learn_internal.courses_deleted();
comment on trigger courses_deleted on learn.courses is 'Recounts the tracks.';

-- trigger exercises_deleted on learn.exercises

create or replace trigger exercises_deleted
  after delete on learn.exercises
  referencing old table as old_rows
  for each statement
  execute function learn_internal.exercises_deleted();
comment on trigger exercises_deleted on learn.exercises is 'Completes lessons that this leaves solved.';

-- trigger lessons_deleted on learn.lessons

create or replace trigger lessons_deleted
  after delete on learn.lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.lessons_deleted();
comment on trigger lessons_deleted on learn.lessons is 'Recounts the courses.';

-- trigger lessons_inserted on learn.lessons

create or replace trigger lessons_inserted
  after insert on learn.lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.lessons_inserted();
comment on trigger lessons_inserted on learn.lessons is 'Recounts the courses.';

-- trigger path_tracks_deleted on learn.learning_path_tracks

create or replace trigger path_tracks_deleted
  after delete on learn.learning_path_tracks
  referencing old table as old_rows
  for each statement
  execute function learn_internal.path_tracks_deleted();
comment on trigger path_tracks_deleted on learn.learning_path_tracks is 'Recounts the paths.';

-- trigger path_tracks_inserted on learn.learning_path_tracks

create or replace trigger path_tracks_inserted
  after insert on learn.learning_path_tracks
  referencing new table as new_rows
  for each statement
  execute function learn_internal.path_tracks_inserted();
comment on trigger path_tracks_inserted on learn.learning_path_tracks is 'Recounts the paths.';

-- trigger path_tracks_updated on learn.learning_path_tracks

create or replace trigger path_tracks_updated
  after update on learn.learning_path_tracks
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.path_tracks_updated();
comment on trigger path_tracks_updated on learn.learning_path_tracks is 'Recounts the paths.';

-- trigger paths_touch on learn.learning_paths

create or replace trigger paths_touch
  before update on learn.learning_paths
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger paths_touch on learn.learning_paths is 'Keeps updated_at.';

-- trigger paths_updated on learn.learning_paths

create or replace trigger paths_updated
  after update on learn.learning_paths
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.paths_updated();
comment on trigger paths_updated on learn.learning_paths is 'Recounts the paths.';

-- trigger tally_course_stages on learn.user_course_progress

create or replace trigger tally_course_stages
  after insert or delete on learn.user_course_progress
  for each row
  execute function learn_internal.tally_course_stages();
comment on trigger tally_course_stages on learn.user_course_progress is 'Tallies learners who come to the funnel of the course, or leave it.';

-- trigger tally_course_stages_moved on learn.user_course_progress

create or replace trigger tally_course_stages_moved
  after update on learn.user_course_progress
  for each row
  when (trunc(old.completion_percentage / 25) is distinct from trunc(new.completion_percentage / 25)
    or (old.lessons_completed > 0) is distinct from (new.lessons_completed > 0)
    or (old.completed_at is null) <> (new.completed_at is null))
  execute function learn_internal.tally_course_stages();
comment on trigger tally_course_stages_moved on learn.user_course_progress is 'Tallies learners who may have come to another stage of the funnel of the course.';

-- trigger tally_track_stages on learn.user_track_progress

create or replace trigger tally_track_stages
  after insert or delete on learn.user_track_progress
  for each row
  execute function learn_internal.tally_track_stages();
comment on trigger tally_track_stages on learn.user_track_progress is 'Tallies learners who come to the funnel of the track, or leave it.';

-- trigger tally_track_stages_moved on learn.user_track_progress

create or replace trigger tally_track_stages_moved
  after update on learn.user_track_progress
  for each row
  when (trunc(old.progress_percentage / 25) is distinct from trunc(new.progress_percentage / 25)
    or (old.items_completed > 0) is distinct from (new.items_completed > 0)
    or (old.completed_at is null) <> (new.completed_at is null))
  execute function learn_internal.tally_track_stages();
comment on trigger tally_track_stages_moved on learn.user_track_progress is 'Tallies learners who may have come to another stage of the funnel of the track.';

-- trigger track_lessons_deleted on learn.track_lessons

create or replace trigger track_lessons_deleted
  after delete on learn.track_lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.track_lessons_deleted();
comment on trigger track_lessons_deleted on learn.track_lessons is 'Recounts the tracks.';

-- trigger track_lessons_inserted on learn.track_lessons

create or replace trigger track_lessons_inserted
  after insert on learn.track_lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.track_lessons_inserted();
comment on trigger track_lessons_inserted on learn.track_lessons is 'Recounts the tracks.';

-- trigger track_lessons_updated on learn.track_lessons

create or replace trigger track_lessons_updated
  after update on learn.track_lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.track_lessons_updated();
comment on trigger track_lessons_updated on learn.track_lessons is 'Recounts the tracks.';

reset role;
