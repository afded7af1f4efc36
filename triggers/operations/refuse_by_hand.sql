-- When somebody writes by hand what only follows from something else: refused. The ledger follows from facts; progress
-- and completions from what was done. A row written by hand would be half of it: neither paid, counted nor reported.
-- The engine and the triggers of other tables write inside of triggers; of functions, these write at the top.
-- Errors: LX010.
create or replace function learn_internal.refuse_by_hand()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if learn_internal.is_merging() or learn_internal.is_running(
    'learn_internal.rebuild_users', 'learn_internal.unlock_challenges', 'learn.review_content', 'learn.close_period',
    'learn_shard.close_period',  -- the same over several databases: docs/scaling.md
    'learn_internal.pack_archive', 'learn.attach_archive')
  then
    return case when tg_level = 'ROW' then coalesce(new, old) end;
  end if;
  raise exception '% is written by Laurel', tg_table_name
    using errcode = 'LX010', detail = format('%s of %s by hand', lower(tg_op collate "C"), tg_relid::regclass),
      hint = tg_argv[0];
end;
$$;
comment on function learn_internal.refuse_by_hand() is
  'Trigger: refuses what is written by hand where only Laurel writes (LX010). Argument: the hint.';

-- by row, which holds for its partitions too
create or replace trigger refuse_by_hand
  before insert on learn.xp_transactions
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('XP is paid by learn.award_xp(), and for facts, by learn.xp_rules.');

-- where facts would be no more than rows; months have the same from ensure_month()
create or replace trigger refuse_by_hand
  before insert on learn.activity_log_default
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Insert into learn.activity_log.');

create or replace trigger refuse_by_hand
  before insert on learn.user_exercise_progress
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Insert into learn.query_submissions: progress follows.');

create or replace trigger refuse_by_hand
  after update of completed_at on learn.user_course_progress
  for each row when (pg_trigger_depth() = 0 and old.completed_at is null and new.completed_at is not null)
  execute function learn_internal.refuse_by_hand('Complete its lessons: the course follows. An enrolment may be inserted as completed.');

create or replace trigger refuse_by_hand
  before insert or update of unlocked_at, completed_at on learn.user_level_unlocks
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Complete lessons of the level before: unlocks follow.');

create or replace trigger refuse_by_hand
  before insert or update of completed_at on learn.user_track_progress
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Complete its items: the track follows.');

create or replace trigger refuse_by_hand
  before insert or update of completed_at on learn.user_path_progress
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Complete its tracks: the path follows.');

create or replace trigger refuse_by_hand
  before insert or update of completed_at on learn.user_difficulty_progress
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Complete its tracks: the difficulty follows.');

create or replace trigger refuse_by_hand
  before insert or update of current_level, levels_completed, unlocked_at, started_at, completed_at on learn.user_challenge_progress
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand(
    'Insert into learn.level_attempts, or bring old progress by learn.import_old_progress(): progress follows.');

create or replace trigger refuse_by_hand
  before insert or update or delete on learn.user_timezones
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Update timezone or day_starts_at of learn.users: what they were is kept.');

create or replace trigger refuse_by_hand
  before update on learn.closed_periods
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Standings are kept by learn.close_period().');

create or replace trigger refuse_by_hand
  before insert or update on learn.period_standings
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Standings are kept by learn.close_period().');

-- What has happened is not forgotten, and the machine keeps its parts.
create or replace trigger refuse_by_hand
  before update or delete on learn_internal.recorded_subjects
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('What was paid for once is taken back by learn.reverse_xp().');

create or replace trigger refuse_by_hand
  before delete on learn_internal.withdrawn_facts
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Correct the question, and call learn.regrade_question().');

create or replace trigger refuse_by_hand
  before delete on learn_internal.recorded_payments
  for each row when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('The setting recorded_payments_per_day says how many facts pay.');

create or replace trigger refuse_by_hand
  before delete on learn_internal.board_state
  for each statement
  execute function learn_internal.refuse_by_hand('It has one row.');

create or replace trigger refuse_by_hand
  before delete on learn_internal.content_lock
  for each statement
  execute function learn_internal.refuse_by_hand('It has one row.');

create or replace trigger refuse_by_hand
  before update or delete on learn_internal.turns
  for each statement
  execute function learn_internal.refuse_by_hand('Who takes turns waits for these rows.');
