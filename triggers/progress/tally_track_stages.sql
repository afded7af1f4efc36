-- When progress in a track is written or deleted: a learner who has come to another stage of its
-- funnel is tallied there. For each row, because few of them come to another stage, and comparing
-- a few values costs less than collecting the rows of the statement.
create or replace function learn_internal.tally_track_stages()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
declare
  v_old integer;
  v_new integer;
begin
  if tg_op <> 'INSERT' then
    v_old := learn_internal.funnel_stage(
      old.progress_percentage, old.items_completed > 0, old.completed_at is not null);
  end if;
  if tg_op <> 'DELETE' then
    v_new := learn_internal.funnel_stage(
      new.progress_percentage, new.items_completed > 0, new.completed_at is not null);
  end if;
  if v_old is distinct from v_new then
    insert into learn_internal.tally_changes (measure, day, item, value)
    select 'track_stages', '-infinity', s.item, s.value
    from (
      values (old.track_id || ':' || v_old, -1), (new.track_id || ':' || v_new, 1)
    ) s(item, value)
    where s.item is not null;
  end if;
  return null;
end;
$$;
comment on function learn_internal.tally_track_stages() is
  'Row trigger: tallies learners by their stage in the funnel of a track.';
revoke all on function learn_internal.tally_track_stages() from public;

create or replace trigger tally_track_stages
  after insert or delete on learn.user_track_progress
  for each row
  execute function learn_internal.tally_track_stages();
comment on trigger tally_track_stages on learn.user_track_progress is
  'Tallies learners who come to the funnel of the track, or leave it.';

create or replace trigger tally_track_stages_moved
  after update on learn.user_track_progress
  for each row
  when (trunc(old.progress_percentage / 25) is distinct from trunc(new.progress_percentage / 25)
    or (old.items_completed > 0) is distinct from (new.items_completed > 0)
    or (old.completed_at is null) <> (new.completed_at is null))
  execute function learn_internal.tally_track_stages();
comment on trigger tally_track_stages_moved on learn.user_track_progress is
  'Tallies learners who may have come to another stage of the funnel of the track.';
