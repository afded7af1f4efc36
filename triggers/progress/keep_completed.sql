-- When something is completed, it stays completed, and on the day on which it was: whatever happens to content, to
-- other rows, or by hand. Lessons have a trigger of their own: user_lesson_progress.sql.
-- After the change and not before it: a row trigger before updates would lock every row once more.
-- Errors: LX009.
create or replace function learn_internal.keep_completed()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'what is completed stays completed'
    using errcode = 'LX009',
      detail = format('%s of user %s: completed at %s', tg_table_name, old.user_id, old.completed_at),
      hint = 'Completions are sticky; XP is taken back by learn.reverse_xp().';
end;
$$;
comment on function learn_internal.keep_completed() is 'Row trigger: a completion stays (LX009).';

create or replace trigger keep_completed
  after update of completed_at on learn.user_course_progress
  for each row when (old.completed_at is not null and old.completed_at is distinct from new.completed_at)
  execute function learn_internal.keep_completed();

create or replace trigger keep_completed
  after update of completed_at on learn.user_level_unlocks
  for each row when (old.completed_at is not null and old.completed_at is distinct from new.completed_at)
  execute function learn_internal.keep_completed();

create or replace trigger keep_completed
  after update of completed_at on learn.user_track_progress
  for each row when (old.completed_at is not null and old.completed_at is distinct from new.completed_at)
  execute function learn_internal.keep_completed();

create or replace trigger keep_completed
  after update of completed_at on learn.user_path_progress
  for each row when (old.completed_at is not null and old.completed_at is distinct from new.completed_at)
  execute function learn_internal.keep_completed();

create or replace trigger keep_completed
  after update of completed_at on learn.user_challenge_progress
  for each row when (old.completed_at is not null and old.completed_at is distinct from new.completed_at)
  execute function learn_internal.keep_completed();

create or replace trigger keep_completed
  after update of completed_at on learn.user_difficulty_progress
  for each row when (old.completed_at is not null and old.completed_at is distinct from new.completed_at)
  execute function learn_internal.keep_completed();
