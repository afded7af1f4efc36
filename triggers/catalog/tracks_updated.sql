-- When tracks change: one that is published, unpublished or of another difficulty changes
-- what paths and difficulties ask for.
create or replace function learn_internal.tracks_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(n.id)),
    -- the difficulty that it had
    learn_internal.refresh_goals(null, array_agg(distinct o.difficulty))
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published <> o.is_published or n.difficulty <> o.difficulty
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.tracks_updated() is
  'Statement trigger: recounts what a published or unpublished track belongs to.';
revoke all on function learn_internal.tracks_updated() from public;

create or replace trigger tracks_updated
  after update on learn.tracks
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.tracks_updated();
comment on trigger tracks_updated on learn.tracks is 'Recounts paths and difficulties.';

create or replace trigger tracks_touch
  before update on learn.tracks
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger tracks_touch on learn.tracks is 'Keeps updated_at.';
