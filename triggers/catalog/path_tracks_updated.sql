-- When tracks move between learning paths: both paths' progress follows.
create or replace function learn_internal.path_tracks_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_goals(array_agg(distinct c.path_id), null)
  from (select o.path_id from old_rows o union all select n.path_id from new_rows n) c
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.path_tracks_updated() is
  'Statement trigger: recounts paths whose tracks changed.';
revoke all on function learn_internal.path_tracks_updated() from public;

create or replace trigger path_tracks_updated
  after update on learn.learning_path_tracks
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.path_tracks_updated();
comment on trigger path_tracks_updated on learn.learning_path_tracks is 'Recounts the paths.';
