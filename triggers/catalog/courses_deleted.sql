-- When courses are deleted: their tracks may be complete without them.
create or replace function learn_internal.courses_deleted()
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
comment on function learn_internal.courses_deleted() is
  'Statement trigger: recounts tracks that lost courses.';
revoke all on function learn_internal.courses_deleted() from public;

create or replace trigger courses_deleted
  after delete on learn.courses
  referencing old table as old_rows
  for each statement
  execute function learn_internal.courses_deleted();
comment on trigger courses_deleted on learn.courses is 'Recounts the tracks.';
