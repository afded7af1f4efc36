-- What happens when rows of learn.tracks are written, in the order in which triggers fire.

-- When tracks change in what they count for: this blocks learners.
create or replace trigger tracks_change
  before update of is_published, difficulty or delete on learn.tracks
  for each statement
  execute function learn_internal.change_content();

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

create or replace trigger tracks_updated
  after update on learn.tracks
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.tracks_updated();

create or replace trigger tracks_touch
  before update on learn.tracks
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

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

create or replace trigger tracks_deleted
  after delete on learn.tracks
  referencing old table as old_rows
  for each statement
  execute function learn_internal.tracks_deleted();
