-- When a lesson of a course is written, or one is unpublished: the course follows from the level,
-- and is_available from what is published.
create or replace function learn_internal.place_lessons()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_open   boolean := true;
  v_course_id bigint;
begin
  if tg_op = 'UPDATE' and new.course_level_id <> coalesce(old.course_level_id, 0)
    and new.course_id = old.course_id
  then
    new.course_id := null;  -- moved by its level alone
  end if;
  if new.course_level_id is not null then
    select v.is_published, v.course_id into v_is_open, v_course_id
    from learn.course_levels v
    where v.id = new.course_level_id;
    new.course_id := coalesce(new.course_id, v_course_id);
  end if;
  if new.course_id is not null then
    select coalesce(v_is_open and c.is_published, false) into v_is_open
    from learn.courses c
    where c.id = new.course_id;
  end if;
  new.is_available := new.is_published and coalesce(v_is_open, false);
  return new;
end;
$$;
comment on function learn_internal.place_lessons() is
  'Row trigger: a lesson belongs to the course of its level, and is available when all is published.';
revoke all on function learn_internal.place_lessons() from public;

create or replace trigger place_lessons
  before insert on learn.lessons
  for each row
  when (new.course_id is not null or new.course_level_id is not null
    or new.is_available <> new.is_published)
  execute function learn_internal.place_lessons();
comment on trigger place_lessons on learn.lessons is 'Keeps course_id and is_available.';

create or replace trigger move_lessons
  before update on learn.lessons
  for each row
  when (new.course_id is not null or new.course_level_id is not null
    or new.is_available <> new.is_published)
  execute function learn_internal.place_lessons();
comment on trigger move_lessons on learn.lessons is 'Keeps course_id and is_available.';
