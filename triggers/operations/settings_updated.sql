-- When settings change: levels of courses that are complete by the new level_completion_policy
-- are completed. Those that were stay so.
create or replace function learn_internal.settings_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from new_rows n
    join old_rows o on o.key = n.key
    where n.key = 'level_completion_policy' and n.value <> o.value)
  then
    lock table learn_internal.content_lock in exclusive mode;
    update learn_internal.content_lock set version = version + 1;
    perform learn_internal.refresh_courses(array_agg(distinct v.course_id))
    from learn.course_levels v having count(*) > 0;
  end if;
  return null;
end;
$$;
comment on function learn_internal.settings_updated() is
  'Statement trigger: applies a change of level_completion_policy.';

create or replace trigger settings_updated
  after update on learn.platform_settings
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.settings_updated();
