-- When a learner's row is changed: whose it is, and what it is about, stays. Nothing would follow a row that moves:
-- neither what it has paid nor what was counted. Keys that follow the renaming of something are left to it.
-- After the change and not before it: a row trigger before updates would lock every row once more.
-- Errors: LX010.
create or replace function learn_internal.keep_keys()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if learn_internal.is_merging() then
    return new;
  end if;
  raise exception 'a row of % stays whose it is and what it is about', tg_table_name
    using errcode = 'LX010',
      detail = (
        select string_agg(
          format('%s = %L, not %L', a.attname, to_jsonb(old) ->> a.attname, to_jsonb(new) ->> a.attname),
          '; ' order by a.attnum)
        from pg_trigger t
        join pg_attribute a on a.attrelid = tg_relid and a.attnum = any (t.tgattr)
        where t.tgrelid = tg_relid and t.tgname = tg_name
          and to_jsonb(old) -> a.attname is distinct from to_jsonb(new) -> a.attname),
      hint = 'Write a row of its own for the other learner or the other thing.';
end;
$$;
comment on function learn_internal.keep_keys() is
  'Row trigger: whose a row is, and what it is about, stays (LX010).';

create or replace trigger keep_keys after update of id on learn.users
  for each row when (old.id is distinct from new.id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.user_credentials
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.user_stats
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, key on learn.idempotency_keys
  for each row when ((old.user_id, old.key) is distinct from (new.user_id, new.key))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, year on learn_internal.archived_facts
  for each row when ((old.user_id, old.year) is distinct from (new.user_id, new.year))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, year on learn_internal.archived_payments
  for each row when ((old.user_id, old.year) is distinct from (new.user_id, new.year))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, activity_type, subject_type, subject_id on learn_internal.recorded_subjects
  for each row when ((old.user_id, old.activity_type, old.subject_type, old.subject_id) is distinct from (new.user_id, new.activity_type, new.subject_type, new.subject_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, metric, scope on learn.user_metrics
  for each row when ((old.user_id, old.metric, old.scope) is distinct from (new.user_id, new.metric, new.scope))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, metric, scope, activity_date on learn_internal.user_metric_days
  for each row when ((old.user_id, old.metric, old.scope, old.activity_date)
    is distinct from (new.user_id, new.metric, new.scope, new.activity_date))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, activity_date on learn.user_activity_days
  for each row when ((old.user_id, old.activity_date) is distinct from (new.user_id, new.activity_date))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.streak_freezes
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, course_id on learn.course_ratings
  for each row when ((old.user_id, old.course_id) is distinct from (new.user_id, new.course_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, lesson_id on learn.user_lesson_progress
  for each row when ((old.user_id, old.lesson_id) is distinct from (new.user_id, new.lesson_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, track_id on learn.user_track_progress
  for each row when ((old.user_id, old.track_id) is distinct from (new.user_id, new.track_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, path_id on learn.user_path_progress
  for each row when ((old.user_id, old.path_id) is distinct from (new.user_id, new.path_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.user_difficulty_progress
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, course_id on learn.user_course_progress
  for each row when ((old.user_id, old.course_id) is distinct from (new.user_id, new.course_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, course_level_id on learn.user_level_unlocks
  for each row when ((old.user_id, old.course_level_id) is distinct from (new.user_id, new.course_level_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, exercise_id on learn.query_submissions
  for each row when ((old.user_id, old.exercise_id) is distinct from (new.user_id, new.exercise_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, exercise_id on learn.user_exercise_progress
  for each row when ((old.user_id, old.exercise_id) is distinct from (new.user_id, new.exercise_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, achievement_id on learn.user_achievements
  for each row when ((old.user_id, old.achievement_id) is distinct from (new.user_id, new.achievement_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, achievement_id on learn.revoked_achievements
  for each row when ((old.user_id, old.achievement_id) is distinct from (new.user_id, new.achievement_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, avatar_id on learn.user_avatars
  for each row when ((old.user_id, old.avatar_id) is distinct from (new.user_id, new.avatar_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.quiz_attempts
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, quiz_attempt_id, position on learn.user_answers
  for each row when ((old.user_id, old.quiz_attempt_id, old.position) is distinct from (new.user_id, new.quiz_attempt_id, new.position))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, challenge_id on learn.user_challenge_progress
  for each row when ((old.user_id, old.challenge_id) is distinct from (new.user_id, new.challenge_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, challenge_id, level_number on learn.level_attempts
  for each row when ((old.user_id, old.challenge_id, old.level_number) is distinct from (new.user_id, new.challenge_id, new.level_number))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, challenge_id, level_number, hint_number on learn.hint_usage
  for each row when ((old.user_id, old.challenge_id, old.level_number, old.hint_number) is distinct from (new.user_id, new.challenge_id, new.level_number, new.hint_number))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, daily_challenge_id on learn.daily_challenge_attempts
  for each row when ((old.user_id, old.daily_challenge_id) is distinct from (new.user_id, new.daily_challenge_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, challenge_id on learn.imported_challenge_progress
  for each row when ((old.user_id, old.challenge_id) is distinct from (new.user_id, new.challenge_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, skill_id on learn.user_skills
  for each row when ((old.user_id, old.skill_id) is distinct from (new.user_id, new.skill_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.assessment_results
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.learning_sessions
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.period_standings
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of author_id on learn.discussions
  for each row when (new.author_id <> old.author_id or old.author_id is null and new.author_id is not null)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of author_id on learn.replies
  for each row when (new.author_id <> old.author_id or old.author_id is null and new.author_id is not null)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, discussion_id, reply_id on learn.discussion_votes
  for each row when ((old.user_id, old.discussion_id, old.reply_id) is distinct from (new.user_id, new.discussion_id, new.reply_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.transactions
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.nft_certificates
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.faucet_requests
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.notifications
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, role_name on learn_internal.learner_roles
  for each row when ((old.user_id, old.role_name) is distinct from (new.user_id, new.role_name))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn.drawn_quizzes
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn_internal.paid_questions
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, fact_id on learn_internal.withdrawn_facts
  for each row when ((old.user_id, old.fact_id) is distinct from (new.user_id, new.fact_id))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, kind on learn_internal.recent_calls
  for each row when ((old.user_id, old.kind) is distinct from (new.user_id, new.kind))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, number on learn.user_timezones
  for each row when ((old.user_id, old.number) is distinct from (new.user_id, new.number))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, zone_number, local_date on learn_internal.local_days
  for each row when ((old.user_id, old.zone_number, old.local_date)
    is distinct from (new.user_id, new.zone_number, new.local_date))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id, metric, scope on learn_internal.user_runs
  for each row when ((old.user_id, old.metric, old.scope) is distinct from (new.user_id, new.metric, new.scope))
  execute function learn_internal.keep_keys();

create or replace trigger keep_keys after update of user_id on learn_internal.recorded_payments
  for each row when (old.user_id is distinct from new.user_id)
  execute function learn_internal.keep_keys();
