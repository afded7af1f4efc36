-- What happens when rows of learn.learning_paths are written, in the order in which triggers fire.

-- When learning paths are published, unpublished or deleted: this blocks learners.
create or replace trigger learning_paths_change
  before update of is_published or delete on learn.learning_paths
  for each statement
  execute function learn_internal.change_content();

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

create or replace trigger paths_updated
  after update on learn.learning_paths
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.paths_updated();

create or replace trigger paths_touch
  before update on learn.learning_paths
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
