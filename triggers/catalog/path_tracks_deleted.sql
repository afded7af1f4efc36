-- When tracks are taken out of learning paths, alone or with the track: learners' progress follows.
create or replace function learn_internal.path_tracks_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_goals(array_agg(distinct o.path_id), null)
  from old_rows o having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.path_tracks_deleted() is
  'Statement trigger: recounts paths that lost tracks.';
revoke all on function learn_internal.path_tracks_deleted() from public;

create or replace trigger path_tracks_deleted
  after delete on learn.learning_path_tracks
  referencing old table as old_rows
  for each statement
  execute function learn_internal.path_tracks_deleted();
comment on trigger path_tracks_deleted on learn.learning_path_tracks is 'Recounts the paths.';
