-- When a track's prerequisite changes: no cycle.
create or replace trigger track_prerequisites_updated
  after update on learn.track_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('track_id', 'prerequisite_track_id');
comment on trigger track_prerequisites_updated on learn.track_prerequisites is
  'Refuses a cycle (LX012).';
