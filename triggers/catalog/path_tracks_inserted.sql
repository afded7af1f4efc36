-- When tracks are put into learning paths: learners' progress follows.
create or replace function learn_internal.path_tracks_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_goals(array_agg(distinct n.path_id), null)
  from new_rows n having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.path_tracks_inserted() is
  'Statement trigger: recounts paths that got tracks.';
revoke all on function learn_internal.path_tracks_inserted() from public;

create or replace trigger path_tracks_inserted
  after insert on learn.learning_path_tracks
  referencing new table as new_rows
  for each statement
  execute function learn_internal.path_tracks_inserted();
comment on trigger path_tracks_inserted on learn.learning_path_tracks is 'Recounts the paths.';
