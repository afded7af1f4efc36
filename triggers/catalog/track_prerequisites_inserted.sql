-- When a track gets a prerequisite: no cycle.
create or replace trigger track_prerequisites_inserted
  after insert on learn.track_prerequisites
  referencing new table as new_edges
  for each statement
  execute function learn_internal.refuse_cycle('track_id', 'prerequisite_track_id');
comment on trigger track_prerequisites_inserted on learn.track_prerequisites is
  'Refuses a cycle (LX012).';
