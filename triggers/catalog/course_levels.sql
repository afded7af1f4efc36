-- What happens when rows of learn.course_levels are written, in the order in which triggers fire.

-- When levels of courses are added, published, unpublished, moved or deleted: this blocks learners.
create or replace trigger course_levels_change
  before insert or update of is_published, position, course_id or delete on learn.course_levels
  for each statement
  execute function learn_internal.change_content();

-- When levels of courses change: the lessons of one that is published or unpublished come and go
-- with it, and progress follows, in both courses where a level moves from one to another.
create or replace function learn_internal.course_levels_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_level_ids bigint[];
begin
  select array_agg(n.id) into v_level_ids
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published <> o.is_published;
  if v_level_ids is not null then
    -- place_lessons() says what is available now
    update learn.lessons l set is_available = l.is_published
    where l.course_level_id = any (v_level_ids);
  end if;

  perform learn_internal.refresh_courses(array_agg(distinct c.course_id))
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.course_id), (o.course_id)) c(course_id)
  where n.is_published <> o.is_published or n.position <> o.position or n.course_id <> o.course_id
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.course_levels_updated() is
  'Statement trigger: recounts courses whose levels changed.';

create or replace trigger course_levels_updated
  after update on learn.course_levels
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.course_levels_updated();

create or replace trigger course_levels_touch
  before update on learn.course_levels
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

-- When levels of courses are deleted: progress follows, and the level behind may be due.
create or replace trigger course_levels_deleted
  after delete on learn.course_levels
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');

-- When courses get levels: those that are due are unlocked.
create or replace trigger course_levels_inserted
  after insert on learn.course_levels
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');
