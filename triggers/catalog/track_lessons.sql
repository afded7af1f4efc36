-- What happens when rows of learn.track_lessons are written, in the order in which triggers fire.

-- When the lessons of tracks change: this blocks learners.
create or replace trigger track_lessons_change
  before insert or update or delete on learn.track_lessons
  for each statement
  execute function learn_internal.change_content();

-- When lessons are taken out of tracks, alone or with the lesson: learners' percentages follow.
create or replace trigger track_lessons_deleted
  after delete on learn.track_lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');

-- When lessons are put into tracks: learners' percentages follow.
create or replace trigger track_lessons_inserted
  after insert on learn.track_lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');

-- When lessons move between tracks: both tracks' percentages follow.
create or replace trigger track_lessons_updated
  after update on learn.track_lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');
