-- When lessons are taken out of tracks, alone or with the lesson: learners' percentages follow.
create or replace trigger track_lessons_deleted
  after delete on learn.track_lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');
comment on trigger track_lessons_deleted on learn.track_lessons is 'Recounts the tracks.';
