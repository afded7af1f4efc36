-- When lessons are added to courses: progress follows.
create or replace function learn_internal.lessons_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_courses(array_agg(distinct n.course_id))
  from new_rows n
  where n.course_id is not null
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.lessons_inserted() is
  'Statement trigger: recounts courses that got lessons.';
revoke all on function learn_internal.lessons_inserted() from public;

create or replace trigger lessons_inserted
  after insert on learn.lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.lessons_inserted();
comment on trigger lessons_inserted on learn.lessons is 'Recounts the courses.';
