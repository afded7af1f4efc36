-- When imported progress is written: it counts and pays.
create or replace function learn_internal.imported_progress_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.apply_imports(
    array_agg(n.user_id), array_agg(n.challenge_id), array_agg(n.total_xp))
  from new_rows n
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.imported_progress_inserted() is
  'Statement trigger: imported progress counts and pays.';
revoke all on function learn_internal.imported_progress_inserted() from public;

create or replace trigger imported_progress_inserted
  after insert on learn.imported_challenge_progress
  referencing new table as new_rows
  for each statement
  execute function learn_internal.imported_progress_inserted();
comment on trigger imported_progress_inserted on learn.imported_challenge_progress is
  'Imported progress counts and pays.';
