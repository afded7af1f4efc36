-- What happens when rows of learn.lessons are written, in the order in which triggers fire.

-- When lessons are added, published, unpublished, moved or deleted, or their tier changes:
-- this blocks learners.
create or replace trigger lessons_change
  before insert
    or update of is_published, is_available, course_id, course_level_id, difficulty
    or delete on learn.lessons
  for each statement
  execute function learn_internal.change_content();

-- When lessons change: one that is published, unpublished or moved changes the percentages of its
-- courses and tracks, and one that is published is complete for those who have solved its
-- exercises already.
create or replace function learn_internal.lessons_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_course_ids bigint[];
begin
  select array_agg(distinct c.course_id) into v_course_ids
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.course_id), (o.course_id)) c(course_id)
  where c.course_id is not null
    and (n.is_published, n.is_available, n.course_id, n.course_level_id, n.difficulty)
      is distinct from (o.is_published, o.is_available, o.course_id, o.course_level_id, o.difficulty);
  -- What there is to complete comes first: what is completed then is counted on top of it.
  if v_course_ids is not null then
    perform learn_internal.count_courses(v_course_ids);
  end if;

  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from (
    select i.track_id
    from new_rows n
    join old_rows o on o.id = n.id
    join learn.track_lessons i on i.lesson_id = n.id
    where n.is_available <> o.is_available
    union
    select c.track_id
    from learn.courses c
    where c.id = any (v_course_ids) and c.track_id is not null
  ) t
  having count(*) > 0;

  if v_course_ids is not null then
    perform learn_internal.refresh_courses(v_course_ids);
  end if;

  perform learn_internal.refresh_lessons(array_agg(n.id))
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_available
    and (not o.is_available
      or (n.course_id, n.course_level_id) is distinct from (o.course_id, o.course_level_id))
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.lessons_updated() is
  'Statement trigger: recounts courses and tracks of published, unpublished and moved lessons.';

create or replace trigger lessons_updated
  after update on learn.lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.lessons_updated();

-- When a lesson is changed, its updated_at says so. What is generated is not known here yet, so no condition of
-- the trigger can compare whole rows.
create or replace function learn_internal.touch_lessons()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if to_jsonb(new) - 'tier' <> to_jsonb(old) - 'tier' then
    new.updated_at := learn.clock();
  end if;
  return new;
end;
$$;
comment on function learn_internal.touch_lessons() is 'Row trigger: sets updated_at to the time of a change.';

create or replace trigger lessons_touch
  before update on learn.lessons
  for each row
  execute function learn_internal.touch_lessons();

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

create or replace trigger place_lessons
  before insert on learn.lessons
  for each row
  when (new.course_id is not null or new.course_level_id is not null
    or new.is_available <> new.is_published)
  execute function learn_internal.place_lessons();

create or replace trigger move_lessons
  before update on learn.lessons
  for each row
  when (new.course_id is not null or new.course_level_id is not null
    or new.is_available <> new.is_published)
  execute function learn_internal.place_lessons();

-- When lessons are deleted, alone or with their level: progress in their courses follows.
-- (Tracks hear of it from the rows of track_lessons that go with them.)
create or replace trigger lessons_deleted
  after delete on learn.lessons
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');

-- When lessons are added to courses: progress follows.
create or replace trigger lessons_inserted
  after insert on learn.lessons
  referencing new table as new_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_courses', 'course_id');
