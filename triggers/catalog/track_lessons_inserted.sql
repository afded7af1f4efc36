-- When lessons are put into tracks: learners' percentages follow.
create or replace trigger track_lessons_inserted
  after insert on learn.track_lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');
comment on trigger track_lessons_inserted on learn.track_lessons is 'Recounts the tracks.';
