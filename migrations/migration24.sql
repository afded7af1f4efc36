-- Checks by domain; triggers that were twins are one

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
-- lint: ignore ban-drop-function because they are internal, and no trigger calls them any more
drop function
  learn_internal.challenge_levels_deleted(),
  learn_internal.challenge_levels_inserted(),
  learn_internal.challenge_levels_updated(),
  learn_internal.challenge_progress_deleted(),
  learn_internal.challenges_deleted(),
  learn_internal.course_levels_deleted(),
  learn_internal.course_levels_inserted(),
  learn_internal.course_progress_deleted(),
  learn_internal.courses_deleted(),
  learn_internal.exercises_deleted(),
  learn_internal.lessons_deleted(),
  learn_internal.lessons_inserted(),
  learn_internal.path_tracks_deleted(),
  learn_internal.path_tracks_inserted(),
  learn_internal.path_tracks_updated(),
  learn_internal.tally_course_stages(),
  learn_internal.tally_track_stages(),
  learn_internal.track_lessons_deleted(),
  learn_internal.track_lessons_inserted(),
  learn_internal.track_lessons_updated();

-- functions/catalog/refresh_parents.sql

-- Content that belongs to other content: when rows come, go or move, what they belong to is
-- recounted, in the old place and in the new one.
-- Arguments of the trigger: the function that recounts, and the column of what it recounts.
create or replace function learn_internal.refresh_parents()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format(
    $query$
      select learn_internal.%1$I(array_agg(distinct r.%2$I))
      from (%3$s) r
      where r.%2$I is not null
      having count(*) > 0
    $query$, tg_argv[0], tg_argv[1],
    case tg_op
      when 'INSERT' then 'table new_rows'
      when 'DELETE' then 'table old_rows'
      else 'table new_rows union all table old_rows'
    end);
  return null;
end;
$$;
comment on function learn_internal.refresh_parents() is
  'Statement trigger of content: recounts what the rows belong to. Arguments: the function that '
  'recounts, and the column of what it recounts.';
revoke all on function learn_internal.refresh_parents() from public;

-- functions/challenges/refresh_challenges.sql

-- After a change of levels: completes challenges for everybody who has passed all that is left of
-- them, and recounts their tracks, which may have one item more or less.
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

  perform learn_internal.refresh_tracks(array_agg(distinct c.track_id))
  from learn.challenges c
  where c.id = any (p_challenge_ids) and c.track_id is not null
  having count(*) > 0;
end;
$$;
comment on function learn_internal.refresh_challenges(bigint[]) is
  'Completes challenges for everybody who has passed all that is left of them, and recounts their '
  'tracks, after a change of levels.';
revoke all on function learn_internal.refresh_challenges(bigint[]) from public;

-- views/identity/identity_damage.sql

-- Where users lack what registering makes: the part of check_integrity() about identity.
create or replace view learn_internal.identity_damage (check_name, user_id, expected, actual) as
select 'user_has_stats', u.id, 'a row in user_stats', 'none'
from learn.users u
where not exists (select from learn.user_stats s where s.user_id = u.id)
union all
select 'registration_days_follow_from_facts', s.user_id, f.local_date::text, s.registered_on::text
from learn.user_stats s
join learn.activity_log f on f.user_id = s.user_id and f.activity_type = 'user_registered'
where s.registered_on <> f.local_date;
comment on view learn_internal.identity_damage is
  'Users without what registering makes; no row when all is well.';

-- views/xp/xp_damage.sql

-- Where XP and levels are not what the ledger says, or the ledger not what the facts say:
-- the part of check_integrity() about XP.
create or replace view learn_internal.xp_damage (check_name, user_id, expected, actual) as
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
where coalesce(f.xp, 0) <> coalesce(t.xp, 0);
comment on view learn_internal.xp_damage is
  'Where XP and levels are not what the ledger says, or the ledger not what the facts say; '
  'no row when all is well.';

-- views/streaks/streak_damage.sql

-- Where active days, streaks and freezes are not what the facts say: the part of
-- check_integrity() about streaks.
create or replace view learn_internal.streak_damage (check_name, user_id, expected, actual) as
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
where s.streak_freezes <> coalesce(z.held, 0);
comment on view learn_internal.streak_damage is
  'Where active days, streaks and freezes are not what the facts say; no row when all is well.';

-- views/activity/activity_damage.sql

-- Where metrics are not what the facts say: the part of check_integrity() about activity.
create or replace view learn_internal.activity_damage (check_name, user_id, expected, actual) as
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
where r.user_id is null or d.user_id is null;
comment on view learn_internal.activity_damage is
  'Where metrics are not what the facts say; no row when all is well.';

-- views/catalog/catalog_damage.sql

-- Where content is not counted as it is, or not available as it is published: the part of
-- check_integrity() about the catalog. Content is nobody's: no user is named.
create or replace view learn_internal.catalog_damage (check_name, user_id, expected, actual) as
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
  <> (l.is_published and coalesce(v.is_published, true) and coalesce(c.is_published, true));
comment on view learn_internal.catalog_damage is
  'Where content is not counted as it is, or not available as it is published; '
  'no row when all is well.';

-- views/practice/practice_damage.sql

-- Where progress in exercises is not what the submissions say: the part of check_integrity()
-- about practice.
create or replace view learn_internal.practice_damage (check_name, user_id, expected, actual) as
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
    p.failed_submissions, p.is_first_try, p.solved_at);
comment on view learn_internal.practice_damage is
  'Where progress in exercises is not what the submissions say; no row when all is well.';

-- views/quizzes/quiz_damage.sql

-- Where quizzes are not what answers, facts and the ledger say: the part of check_integrity() about
-- quizzes. The ledger may have paid more for a quiz than the quiz notes: for facts about it that a
-- backend has recorded.
create or replace view learn_internal.quiz_damage (check_name, user_id, expected, actual) as
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
union all
select 'quizzes_note_what_was_paid', a.user_id,
  format('quiz %s: at most %s', a.id, coalesce(t.xp, 0)), format('quiz %s: %s', a.id, a.xp_earned)
from learn.quiz_attempts a
left join (
  select x.user_id, x.source_id, sum(x.amount) as xp
  from learn.xp_transactions x
  where x.activity_type in ('question_answered_correctly', 'quiz_completed', 'quiz_perfect')
  group by x.user_id, x.source_id
) t on t.user_id = a.user_id and t.source_id = a.id::text
where a.xp_earned > coalesce(t.xp, 0);
comment on view learn_internal.quiz_damage is
  'Where quizzes are not what answers, facts and the ledger say; no row when all is well.';

-- views/challenges/challenge_damage.sql

-- Where progress in challenges is not what attempts and imports say, or attempts not what the ledger
-- says: the part of check_integrity() about challenges. The ledger may have paid more than attempts
-- note: for attempts that were deleted, and for facts that a backend has recorded.
create or replace view learn_internal.challenge_damage (check_name, user_id, expected, actual) as
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
union all
select 'attempts_note_what_was_paid', a.user_id,
  format('%s %s: at most %s', a.activity_type, a.subject_id, coalesce(t.xp, 0)),
  format('%s %s: %s', a.activity_type, a.subject_id, a.xp)
from (
  select v.user_id, 'challenge_level_passed' as activity_type,
    v.challenge_id || ':' || v.level_number as subject_id, sum(v.xp_earned) as xp
  from learn.level_attempts v
  where v.xp_earned > 0
  group by v.user_id, v.challenge_id, v.level_number
  union all
  select d.user_id, 'daily_challenge_completed', d.daily_challenge_id::text, d.xp_earned
  from learn.daily_challenge_attempts d
  where d.xp_earned > 0
) a
left join (
  select x.user_id, x.activity_type, x.source_id, sum(x.amount) as xp
  from learn.xp_transactions x
  where x.activity_type in ('challenge_level_passed', 'daily_challenge_completed')
  group by x.user_id, x.activity_type, x.source_id
) t on t.user_id = a.user_id and t.activity_type = a.activity_type and t.source_id = a.subject_id
where a.xp > coalesce(t.xp, 0);
comment on view learn_internal.challenge_damage is
  'Where progress in challenges is not what attempts and imports say, or attempts not what the '
  'ledger says; no row when all is well.';

-- views/skills/skill_damage.sql

-- Where skills are not what their points say, or assessments are no facts: the part of
-- check_integrity() about skills.
create or replace view learn_internal.skill_damage (check_name, user_id, expected, actual) as
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
where f.id is null;
comment on view learn_internal.skill_damage is
  'Where skills are not what their points say, or assessments are no facts; '
  'no row when all is well.';

-- views/progress/progress_damage.sql

-- Where progress in lessons, courses, tracks, paths and difficulties is not what was done there:
-- the part of check_integrity() about progress.
create or replace view learn_internal.progress_damage (check_name, user_id, expected, actual) as
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
  where p.user_id = r.user_id and p.difficulty = r.difficulty);
comment on view learn_internal.progress_damage is
  'Where progress in lessons, courses, tracks, paths and difficulties is not what was done there; '
  'no row when all is well.';

-- views/achievements/achievement_damage.sql

-- Where achievements are not what the facts say: the part of check_integrity() about achievements.
create or replace view learn_internal.achievement_damage (check_name, user_id, expected, actual) as
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
    d.user_id, d.metric, d.scope, d.threshold, d.criteria_changed_at);
comment on view learn_internal.achievement_damage is
  'Where achievements are not what the facts say; no row when all is well.';

-- views/community/community_damage.sql

-- Where posts are not what replies and votes say, or no facts: the part of check_integrity()
-- about the community.
create or replace view learn_internal.community_damage (check_name, user_id, expected, actual) as
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
comment on view learn_internal.community_damage is
  'Where posts are not what replies and votes say, or no facts; no row when all is well.';

-- views/credentials/credential_damage.sql

-- Where certificates and messages are missing: the part of check_integrity() about credentials.
create or replace view learn_internal.credential_damage (check_name, user_id, expected, actual) as
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
comment on view learn_internal.credential_damage is
  'Where certificates and messages are missing; no row when all is well.';

-- views/analytics/tally_damage.sql

-- Where tallies are not what the rows say: the part of check_integrity() about analytics.
create or replace view learn_internal.tally_damage (check_name, user_id, expected, actual) as
select 'tallies_follow_from_rows', null::uuid,
  format('%s %s %s: %s', d.measure, d.day, d.item, d.expected),
  format('%s %s %s: %s', d.measure, d.day, d.item, d.actual)
from learn_internal.tally_differences d;
comment on view learn_internal.tally_damage is
  'Where tallies are not what the rows say; no row when all is well.';

-- functions/operations/check_integrity.sql

-- Recomputes every projection from facts, set-based, and compares. No row when all is well.
-- Reads only. Each domain has a view of its damage: what is checked is said there.
create or replace function learn.check_integrity()
returns table (check_name text, user_id uuid, expected text, actual text)
language plpgsql                  -- keeps its plan, which takes longer to make than to run
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select * from learn_internal.identity_damage
  union all select * from learn_internal.xp_damage
  union all select * from learn_internal.streak_damage
  union all select * from learn_internal.activity_damage
  union all select * from learn_internal.catalog_damage
  union all select * from learn_internal.practice_damage
  union all select * from learn_internal.quiz_damage
  union all select * from learn_internal.challenge_damage
  union all select * from learn_internal.skill_damage
  union all select * from learn_internal.progress_damage
  union all select * from learn_internal.achievement_damage
  union all select * from learn_internal.community_damage
  union all select * from learn_internal.credential_damage
  union all select * from learn_internal.board_damage
  union all select * from learn_internal.tally_damage;
end;
$$;
comment on function learn.check_integrity() is
  'Recomputes every projection from facts and compares; no row when all is well. Reads only.';
revoke all on function learn.check_integrity() from public;

-- functions/progress/recount_lost_items.sql

-- When progress in items of tracks is deleted, alone or with the item: the tracks are recounted for
-- those who had completed it. What goes with its user concerns nobody, and what goes with its item
-- is counted where the item is deleted.
-- Arguments of the trigger: the table of the items, and the column that refers to it.
create or replace function learn_internal.recount_lost_items()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids  uuid[];
  v_track_ids bigint[];
begin
  execute format(
    $query$
      select array_agg(distinct d.user_id), array_agg(distinct i.track_id)
      from deleted_rows d
      join learn.%1$I i on i.id = d.%2$I and i.track_id is not null
      join learn.users u on u.id = d.user_id
      where d.completed_at is not null
    $query$, tg_argv[0], tg_argv[1])
  into v_user_ids, v_track_ids;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;
  perform learn_internal.recount_tracks(v_user_ids, v_track_ids);
  return null;
end;
$$;
comment on function learn_internal.recount_lost_items() is
  'Statement trigger: recounts the tracks of deleted progress in items. Arguments: the table of the '
  'items, and the column that refers to it.';
revoke all on function learn_internal.recount_lost_items() from public;

-- functions/progress/refresh_goals.sql

-- After a change of content: recounts learning paths and difficulties for everybody
-- who has completed a track of them.
create or replace function learn_internal.refresh_goals(
  p_path_ids bigint[], p_difficulties text[] default null
)
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
comment on function learn_internal.refresh_goals(bigint[], text[]) is
  'Recounts learning paths and difficulties for everybody concerned, after a change of content.';
revoke all on function learn_internal.refresh_goals(bigint[], text[]) from public;

-- triggers/catalog/course_levels_deleted.sql

-- When levels of courses are deleted: progress follows, and the level behind may be due.
create or replace trigger course_levels_deleted
  after delete on learn.course_levels
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');
comment on trigger course_levels_deleted on learn.course_levels is 'Recounts the courses.';

-- triggers/catalog/course_levels_inserted.sql

-- When courses get levels: those that are due are unlocked.
create or replace trigger course_levels_inserted
  after insert on learn.course_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');
comment on trigger course_levels_inserted on learn.course_levels is 'Recounts the courses.';

-- triggers/catalog/courses_deleted.sql

-- When courses are deleted: their tracks may be complete without them.
create or replace trigger courses_deleted
  after delete on learn.courses
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');
comment on trigger courses_deleted on learn.courses is 'Recounts the tracks.';

-- triggers/catalog/exercises_deleted.sql

-- When exercises are deleted: the lesson may be left solved.
create or replace trigger exercises_deleted
  after delete on learn.exercises
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_lessons', 'lesson_id');
comment on trigger exercises_deleted on learn.exercises is
  'Completes lessons that this leaves solved.';

-- triggers/catalog/lessons_deleted.sql

-- When lessons are deleted, alone or with their level: progress in their courses follows.
-- (Tracks hear of it from the rows of track_lessons that go with them.)
create or replace trigger lessons_deleted
  after delete on learn.lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');
comment on trigger lessons_deleted on learn.lessons is 'Recounts the courses.';

-- triggers/catalog/lessons_inserted.sql

-- When lessons are added to courses: progress follows.
create or replace trigger lessons_inserted
  after insert on learn.lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');
comment on trigger lessons_inserted on learn.lessons is 'Recounts the courses.';

-- triggers/catalog/path_tracks_deleted.sql

-- When tracks are taken out of learning paths, alone or with the track: learners' progress follows.
create or replace trigger path_tracks_deleted
  after delete on learn.learning_path_tracks
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_goals', 'path_id');
comment on trigger path_tracks_deleted on learn.learning_path_tracks is 'Recounts the paths.';

-- triggers/catalog/path_tracks_inserted.sql

-- When tracks are put into learning paths: learners' progress follows.
create or replace trigger path_tracks_inserted
  after insert on learn.learning_path_tracks
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_goals', 'path_id');
comment on trigger path_tracks_inserted on learn.learning_path_tracks is 'Recounts the paths.';

-- triggers/catalog/path_tracks_updated.sql

-- When tracks move between learning paths: both paths' progress follows.
create or replace trigger path_tracks_updated
  after update on learn.learning_path_tracks
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_goals', 'path_id');
comment on trigger path_tracks_updated on learn.learning_path_tracks is 'Recounts the paths.';

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
  perform learn_internal.refresh_goals(array_agg(n.id))
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published <> o.is_published
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.paths_updated() is
  'Statement trigger: recounts published and unpublished paths.';
revoke all on function learn_internal.paths_updated() from public;

create or replace trigger paths_updated
  after update on learn.learning_paths
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.paths_updated();
comment on trigger paths_updated on learn.learning_paths is 'Recounts the paths.';

create or replace trigger paths_touch
  before update on learn.learning_paths
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger paths_touch on learn.learning_paths is 'Keeps updated_at.';

-- triggers/catalog/track_lessons_deleted.sql

-- When lessons are taken out of tracks, alone or with the lesson: learners' percentages follow.
create or replace trigger track_lessons_deleted
  after delete on learn.track_lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');
comment on trigger track_lessons_deleted on learn.track_lessons is 'Recounts the tracks.';

-- triggers/catalog/track_lessons_inserted.sql

-- When lessons are put into tracks: learners' percentages follow.
create or replace trigger track_lessons_inserted
  after insert on learn.track_lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');
comment on trigger track_lessons_inserted on learn.track_lessons is 'Recounts the tracks.';

-- triggers/catalog/track_lessons_updated.sql

-- When lessons move between tracks: both tracks' percentages follow.
create or replace trigger track_lessons_updated
  after update on learn.track_lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');
comment on trigger track_lessons_updated on learn.track_lessons is 'Recounts the tracks.';

-- triggers/challenges/challenge_levels_deleted.sql

-- When levels of challenges are deleted: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace trigger challenge_levels_deleted
  after delete on learn.challenge_levels
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_challenges', 'challenge_id');
comment on trigger challenge_levels_deleted on learn.challenge_levels is
  'Completes challenges, recounts tracks.';

-- triggers/challenges/challenge_levels_inserted.sql

-- When levels of challenges are added: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace trigger challenge_levels_inserted
  after insert on learn.challenge_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_challenges', 'challenge_id');
comment on trigger challenge_levels_inserted on learn.challenge_levels is
  'Completes challenges, recounts tracks.';

-- triggers/challenges/challenge_levels_updated.sql

-- When levels of challenges are moved: a challenge may be complete by now, and its track may have
-- one item more or less.
create or replace trigger challenge_levels_updated
  after update on learn.challenge_levels
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_challenges', 'challenge_id');
comment on trigger challenge_levels_updated on learn.challenge_levels is
  'Completes challenges, recounts tracks.';

-- triggers/challenges/challenge_progress_deleted.sql

-- When progress in challenges is deleted, alone or with the challenge: the tracks are recounted.
create or replace trigger challenge_progress_deleted
  after delete on learn.user_challenge_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.recount_lost_items('challenges', 'challenge_id');
comment on trigger challenge_progress_deleted on learn.user_challenge_progress is
  'Recounts tracks.';

-- triggers/challenges/challenges_deleted.sql

-- When challenges are deleted: their tracks may be complete without them.
create or replace trigger challenges_deleted
  after delete on learn.challenges
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');
comment on trigger challenges_deleted on learn.challenges is 'Recounts the tracks.';

-- triggers/progress/course_progress_deleted.sql

-- When enrolments are deleted, alone or with the course: the tracks concerned are recounted.
create or replace trigger course_progress_deleted
  after delete on learn.user_course_progress
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.recount_lost_items('courses', 'course_id');
comment on trigger course_progress_deleted on learn.user_course_progress is 'Recounts tracks.';

-- triggers/progress/tally_stages.sql

-- When progress in a course or a track is written or deleted: a learner who has come to another
-- stage of its funnel is tallied there. For each row, because few of them come to another stage, and
-- comparing a few values costs less than collecting the rows of the statement.
-- Argument of the trigger: the measure of the tally.
create or replace function learn_internal.tally_stages()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_left    text;  -- items of the tally; null where the row has just come, or is gone
  v_entered text;
begin
  if tg_argv[0] = 'course_stages' then
    v_left := old.course_id || ':' || learn_internal.funnel_stage(
      old.completion_percentage, old.lessons_completed > 0, old.completed_at is not null);
    v_entered := new.course_id || ':' || learn_internal.funnel_stage(
      new.completion_percentage, new.lessons_completed > 0, new.completed_at is not null);
  else
    v_left := old.track_id || ':' || learn_internal.funnel_stage(
      old.progress_percentage, old.items_completed > 0, old.completed_at is not null);
    v_entered := new.track_id || ':' || learn_internal.funnel_stage(
      new.progress_percentage, new.items_completed > 0, new.completed_at is not null);
  end if;
  if v_left is distinct from v_entered then
    insert into learn_internal.tally_changes (measure, day, item, value)
    select tg_argv[0], '-infinity', s.item, s.value
    from (values (v_left, -1), (v_entered, 1)) s(item, value)
    where s.item is not null;
  end if;
  return null;
end;
$$;
comment on function learn_internal.tally_stages() is
  'Row trigger: tallies learners by their stage in the funnel of a course or a track. '
  'Argument: the measure of the tally.';
revoke all on function learn_internal.tally_stages() from public;

create or replace trigger tally_course_stages
  after insert or delete on learn.user_course_progress
  for each row
  execute function learn_internal.tally_stages('course_stages');
comment on trigger tally_course_stages on learn.user_course_progress is
  'Tallies learners who come to the funnel of the course, or leave it.';

create or replace trigger tally_course_stages_moved
  after update on learn.user_course_progress
  for each row
  when (trunc(old.completion_percentage / 25) is distinct from trunc(new.completion_percentage / 25)
    or (old.lessons_completed > 0) is distinct from (new.lessons_completed > 0)
    or (old.completed_at is null) <> (new.completed_at is null))
  execute function learn_internal.tally_stages('course_stages');
comment on trigger tally_course_stages_moved on learn.user_course_progress is
  'Tallies learners who may have come to another stage of the funnel of the course.';

create or replace trigger tally_track_stages
  after insert or delete on learn.user_track_progress
  for each row
  execute function learn_internal.tally_stages('track_stages');
comment on trigger tally_track_stages on learn.user_track_progress is
  'Tallies learners who come to the funnel of the track, or leave it.';

create or replace trigger tally_track_stages_moved
  after update on learn.user_track_progress
  for each row
  when (trunc(old.progress_percentage / 25) is distinct from trunc(new.progress_percentage / 25)
    or (old.items_completed > 0) is distinct from (new.items_completed > 0)
    or (old.completed_at is null) <> (new.completed_at is null))
  execute function learn_internal.tally_stages('track_stages');
comment on trigger tally_track_stages_moved on learn.user_track_progress is
  'Tallies learners who may have come to another stage of the funnel of the track.';

reset role;
