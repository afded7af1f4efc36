-- When levels of courses are deleted: progress follows, and the level behind may be due.
create or replace function learn_internal.course_levels_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_courses(array_agg(distinct o.course_id))
  from old_rows o having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.course_levels_deleted() is
  'Statement trigger: recounts courses that lost levels.';
revoke all on function learn_internal.course_levels_deleted() from public;

create or replace trigger course_levels_deleted
  after delete on learn.course_levels
  referencing old table as old_rows
  for each statement
  execute function learn_internal.course_levels_deleted();
comment on trigger course_levels_deleted on learn.course_levels is 'Recounts the courses.';
