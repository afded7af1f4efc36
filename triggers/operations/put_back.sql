-- When rows are deleted by hand that only follow from others: they are put back, as these say. To begin again, delete
-- what they follow from, or call learn.reset_progress(). What goes with its learner or its content does not come here.
-- Last of all that follows a deletion: the triggers fire in the order of their names.
create or replace function learn_internal.put_back()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
begin
  select array_agg(distinct d.user_id) into v_user_ids
  from deleted_rows d
  join learn.users u on u.id = d.user_id;
  if v_user_ids is not null then
    perform learn_internal.rebuild_users(v_user_ids);
  end if;
  return null;
end;
$$;
comment on function learn_internal.put_back() is
  'Statement trigger: deleted rows that follow from others are put back.';

create or replace trigger put_back
  after delete on learn.user_exercise_progress
  referencing old table as deleted_rows
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.put_back();

create or replace trigger put_back
  after delete on learn.user_level_unlocks
  referencing old table as deleted_rows
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.put_back();

create or replace trigger put_back
  after delete on learn.user_track_progress
  referencing old table as deleted_rows
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.put_back();

create or replace trigger put_back
  after delete on learn.user_path_progress
  referencing old table as deleted_rows
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.put_back();

create or replace trigger put_back
  after delete on learn.user_difficulty_progress
  referencing old table as deleted_rows
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.put_back();

create or replace trigger put_back
  after delete on learn.user_challenge_progress
  referencing old table as deleted_rows
  for each statement when (pg_trigger_depth() = 0)
  execute function learn_internal.put_back();
