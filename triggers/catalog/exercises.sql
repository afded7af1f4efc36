-- What happens when rows of learn.exercises are written, in the order in which triggers fire.

-- When a lesson's exercises change: this blocks learners.
create or replace trigger exercises_change
  before insert or update of is_published, lesson_id or delete on learn.exercises
  for each statement
  execute function learn_internal.change_content();

-- When exercises are deleted: the lesson may be left solved.
create or replace trigger exercises_deleted
  after delete on learn.exercises
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_lessons', 'lesson_id');

-- When exercises change: one that is unpublished, or moved to another lesson,
-- may leave its lesson solved.
create or replace function learn_internal.exercises_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_lessons(array_agg(distinct l.lesson_id))
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.lesson_id), (o.lesson_id)) l(lesson_id)
  where n.is_published <> o.is_published or n.lesson_id <> o.lesson_id
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.exercises_updated() is
  'Statement trigger: completes lessons that a change of exercises leaves solved.';

create or replace trigger exercises_updated
  after update on learn.exercises
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.exercises_updated();
