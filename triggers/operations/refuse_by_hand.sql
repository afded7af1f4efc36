-- When somebody writes by hand what only follows from something else: refused. The ledger follows from facts; progress
-- and completions from what was done. A row written by hand would be half of it: neither paid, counted nor reported.
-- The engine and the triggers of other tables write inside of triggers; of functions, these two write at the top.
-- Errors: LX010.
create or replace function learn_internal.refuse_by_hand()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_context text;
begin
  get diagnostics v_context = pg_context;
  v_context := replace(v_context, '"', '');  -- quote_all_identifiers quotes
  if strpos(v_context, 'learn_internal.rebuild_users(') > 0
    or strpos(v_context, 'learn_internal.unlock_challenges(') > 0
  then
    return case when tg_level = 'ROW' then new end;
  end if;
  raise exception '% is written by Laurel', tg_table_name
    using errcode = 'LX010', detail = format('%s of %s by hand', lower(tg_op), tg_relid::regclass),
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

create or replace trigger refuse_by_hand
  before insert on learn.user_exercise_progress
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand('Insert into learn.query_submissions: progress follows.');

create or replace trigger refuse_by_hand
  after update of completed_at on learn.user_course_progress
  for each row when (pg_trigger_depth() = 0 and old.completed_at is null and new.completed_at is not null)
  execute function learn_internal.refuse_by_hand('Complete its lessons: the course follows. An enrolment may be inserted as completed.');

create or replace trigger refuse_by_hand
  before insert or update of completed_at on learn.user_level_unlocks
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
  before insert or update of current_level, levels_completed, unlocked_at, completed_at on learn.user_challenge_progress
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.refuse_by_hand(
    'Insert into learn.level_attempts, or bring old progress by learn.import_old_progress(): progress follows.');
