-- When challenges are deleted: their tracks may be complete without them.
create or replace function learn_internal.challenges_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct o.track_id))
  from old_rows o
  where o.track_id is not null
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.challenges_deleted() is
  'Statement trigger: recounts tracks that lost challenges.';
revoke all on function learn_internal.challenges_deleted() from public;

create or replace trigger challenges_deleted
  after delete on learn.challenges
  referencing old table as old_rows
  for each statement
  execute function learn_internal.challenges_deleted();
comment on trigger challenges_deleted on learn.challenges is 'Recounts the tracks.';
