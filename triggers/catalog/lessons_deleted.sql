-- When lessons are deleted, alone or with their level: progress in their courses follows.
-- (Tracks hear of it from the rows of track_lessons that go with them.)
create or replace function learn_internal.lessons_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_courses(array_agg(distinct o.course_id))
  from old_rows o
  where o.course_id is not null
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.lessons_deleted() is
  'Statement trigger: recounts courses that lost lessons.';
revoke all on function learn_internal.lessons_deleted() from public;

create or replace trigger lessons_deleted
  after delete on learn.lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.lessons_deleted();
comment on trigger lessons_deleted on learn.lessons is 'Recounts the courses.';
