-- When courses get levels: those that are due are unlocked.
create or replace function learn_internal.course_levels_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_courses(array_agg(distinct n.course_id))
  from new_rows n having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.course_levels_inserted() is
  'Statement trigger: recounts courses that got levels.';
revoke all on function learn_internal.course_levels_inserted() from public;

create or replace trigger course_levels_inserted
  after insert on learn.course_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.course_levels_inserted();
comment on trigger course_levels_inserted on learn.course_levels is 'Recounts the courses.';
