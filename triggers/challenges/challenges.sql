-- What happens when rows of learn.challenges are written, in the order in which triggers fire.
-- Errors: LX012.

-- When challenges are activated, deactivated, put into tracks or deleted: this blocks learners.
create or replace trigger challenges_change
  before update of is_active, track_id or delete on learn.challenges
  for each statement
  execute function learn_internal.change_content();

-- When challenges change: tracks follow when one comes, goes or moves.
create or replace function learn_internal.challenges_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.track_id), (o.track_id)) t(track_id)
  where t.track_id is not null
    and (n.is_active <> o.is_active or n.track_id is distinct from o.track_id)
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.challenges_updated() is
  'Statement trigger: recounts the tracks of challenges that changed.';

create or replace trigger challenges_updated
  after update on learn.challenges
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.challenges_updated();

create or replace trigger challenges_touch
  before update on learn.challenges
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

-- When challenges are deleted: their tracks may be complete without them.
create or replace trigger challenges_deleted
  after delete on learn.challenges
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');

-- When challenges come into tracks: no dead end by what their tracks ask for.
create or replace trigger challenges_wait
  after insert or update of track_id on learn.challenges
  for each statement
  execute function learn_internal.refuse_dead_ends();
