-- When tracks are deleted: their difficulty may be complete without them. (Their paths hear
-- of it from the rows of learning_path_tracks that go with them.)
create or replace function learn_internal.tracks_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_goals(null, array_agg(distinct o.difficulty))
  from old_rows o having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.tracks_deleted() is
  'Statement trigger: recounts the difficulties of deleted tracks.';
revoke all on function learn_internal.tracks_deleted() from public;

create or replace trigger tracks_deleted
  after delete on learn.tracks
  referencing old table as old_rows
  for each statement
  execute function learn_internal.tracks_deleted();
comment on trigger tracks_deleted on learn.tracks is 'Recounts difficulties.';
