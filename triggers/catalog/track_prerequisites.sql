-- What happens when rows of learn.track_prerequisites are written, in the order in which triggers fire.
-- Errors: LX012.

-- When prerequisites of tracks change: this blocks learners.
create or replace trigger track_prerequisites_change
  before insert or update or delete on learn.track_prerequisites
  for each statement
  execute function learn_internal.change_content();

-- When a track gets a prerequisite: no cycle.
create or replace trigger track_prerequisites_inserted
  after insert on learn.track_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('track_id', 'prerequisite_track_id');

-- When a track's prerequisite changes: no cycle.
create or replace trigger track_prerequisites_updated
  after update on learn.track_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('track_id', 'prerequisite_track_id');

-- When prerequisites of tracks are written: no dead end by way of both kinds.
create or replace trigger track_prerequisites_wait
  after insert or update on learn.track_prerequisites
  for each statement
  execute function learn_internal.refuse_dead_ends();
