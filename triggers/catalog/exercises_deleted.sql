-- When exercises are deleted: the lesson may be left solved.
create or replace function learn_internal.exercises_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  perform learn_internal.refresh_lessons(array_agg(distinct o.lesson_id))
  from old_rows o having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.exercises_deleted() is
  'Statement trigger: completes lessons that deleted exercises leave solved.';
revoke all on function learn_internal.exercises_deleted() from public;

create or replace trigger exercises_deleted
  after delete on learn.exercises
  referencing old table as old_rows
  for each statement
  execute function learn_internal.exercises_deleted();
comment on trigger exercises_deleted on learn.exercises is
  'Completes lessons that this leaves solved.';
