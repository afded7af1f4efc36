-- Before users or rows of users are deleted: nobody else writes for learners until this commits. PostgreSQL
-- locks what it deletes row by row, as the rows lie, and the user before all that goes with them; calls lock
-- in the order of docs/engine.md#locks. So that neither ends as the victim of a deadlock, one waits for the
-- other here, before the first row is locked.
-- Old idempotency keys are deleted while learners go on: see hold_learners. A call that deletes, such as a vote that is taken back, has its locks already: it stops nobody.
-- Errors: 55P03 after 50 tries.
create or replace function learn_internal.stop_learners()
returns trigger
language plpgsql
volatile
security definer                  -- the lock is the owner's
set search_path = pg_catalog, pg_temp
as $$
begin
  -- what goes with a user, or inside a call
  if pg_trigger_depth() > 1 or tg_relid <> 'learn.users'::regclass and exists (
    select from pg_locks l
    where l.pid = pg_backend_pid() and l.granted
      and l.relation = 'learn_internal.content_lock'::regclass)
  then
    return null;
  end if;
  if tg_relid = 'learn.users'::regclass then
    perform from learn_internal.turns t where t.name = 'partitions' for share;  -- archive_before() locks what goes with them
  end if;
  perform learn_internal.wait_for_learners(format('table %s', tg_relid::regclass));
  return null;
end;
$$;
comment on function learn_internal.stop_learners() is
  'Statement trigger: nobody else writes for learners until the deletion commits.';

create or replace trigger stop_learners
  before delete on learn.users
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.assessment_results
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.course_ratings
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.daily_challenge_attempts
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.discussion_votes
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.discussions
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.faucet_requests
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.drawn_quizzes
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.hint_usage
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.imported_challenge_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.learning_sessions
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.level_attempts
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.nft_certificates
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.notifications
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.period_standings
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.query_submissions
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.quiz_attempts
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.replies
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.revoked_achievements
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.streak_freezes
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.transactions
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_achievements
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_activity_days
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_answers
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_avatars
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_challenge_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_course_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_credentials
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_difficulty_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_exercise_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_lesson_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_level_unlocks
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_metrics
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_path_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_skills
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_stats
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_track_progress
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.avatars
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.daily_challenges
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.exam_types
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.questions
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.closed_periods
  for each statement execute function learn_internal.stop_learners();

create or replace trigger stop_learners
  before delete on learn.user_timezones
  for each statement execute function learn_internal.stop_learners();
