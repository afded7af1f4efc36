-- When progress in a course or a track is written or deleted: a learner who has come to another
-- stage of its funnel is tallied there. For each row, because few of them come to another stage, and
-- comparing a few values costs less than collecting the rows of the statement.
-- Argument of the trigger: the measure of the tally.
create or replace function learn_internal.tally_stages()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_left    text;  -- items of the tally; null where the row has just come, or is gone
  v_entered text;
begin
  if tg_argv[0] = 'course_stages' then
    v_left := old.course_id || ':' || learn_internal.funnel_stage(
      old.completion_percentage, old.lessons_completed > 0, old.completed_at is not null);
    v_entered := new.course_id || ':' || learn_internal.funnel_stage(
      new.completion_percentage, new.lessons_completed > 0, new.completed_at is not null);
  else
    v_left := old.track_id || ':' || learn_internal.funnel_stage(
      old.progress_percentage, old.items_completed > 0, old.completed_at is not null);
    v_entered := new.track_id || ':' || learn_internal.funnel_stage(
      new.progress_percentage, new.items_completed > 0, new.completed_at is not null);
  end if;
  if v_left is distinct from v_entered then
    insert into learn_internal.tally_changes (measure, day, item, value)
    select tg_argv[0], '-infinity', s.item, s.value
    from (values (v_left, -1), (v_entered, 1)) s(item, value)
    where s.item is not null;
  end if;
  return null;
end;
$$;
comment on function learn_internal.tally_stages() is
  'Row trigger: tallies learners by their stage in the funnel of a course or a track. '
  'Argument: the measure of the tally.';
revoke all on function learn_internal.tally_stages() from public;

create or replace trigger tally_course_stages
  after insert or delete on learn.user_course_progress
  for each row
  execute function learn_internal.tally_stages('course_stages');
comment on trigger tally_course_stages on learn.user_course_progress is
  'Tallies learners who come to the funnel of the course, or leave it.';

create or replace trigger tally_course_stages_moved
  after update on learn.user_course_progress
  for each row
  when (trunc(old.completion_percentage / 25) is distinct from trunc(new.completion_percentage / 25)
    or (old.lessons_completed > 0) is distinct from (new.lessons_completed > 0)
    or (old.completed_at is null) <> (new.completed_at is null))
  execute function learn_internal.tally_stages('course_stages');
comment on trigger tally_course_stages_moved on learn.user_course_progress is
  'Tallies learners who may have come to another stage of the funnel of the course.';

create or replace trigger tally_track_stages
  after insert or delete on learn.user_track_progress
  for each row
  execute function learn_internal.tally_stages('track_stages');
comment on trigger tally_track_stages on learn.user_track_progress is
  'Tallies learners who come to the funnel of the track, or leave it.';

create or replace trigger tally_track_stages_moved
  after update on learn.user_track_progress
  for each row
  when (trunc(old.progress_percentage / 25) is distinct from trunc(new.progress_percentage / 25)
    or (old.items_completed > 0) is distinct from (new.items_completed > 0)
    or (old.completed_at is null) <> (new.completed_at is null))
  execute function learn_internal.tally_stages('track_stages');
comment on trigger tally_track_stages_moved on learn.user_track_progress is
  'Tallies learners who may have come to another stage of the funnel of the track.';
