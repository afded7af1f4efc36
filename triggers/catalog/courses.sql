-- What happens when rows of learn.courses are written, in the order in which triggers fire.

-- When courses are published, unpublished, put into tracks or deleted: this blocks learners.
create or replace trigger courses_change
  before update of is_published, track_id or delete on learn.courses
  for each statement
  execute function learn_internal.change_content();

-- When courses change: the lessons of one that is published or unpublished come and go with it, who
-- has completed all of one that is published completes it, and tracks follow when a course
-- comes, goes, moves, or is empty from now on.
create or replace function learn_internal.courses_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_course_ids bigint[];
begin
  select array_agg(n.id) into v_course_ids
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published <> o.is_published;
  if v_course_ids is not null then
    -- place_lessons() says what is available now, and lessons_updated() recounts the courses
    update learn.lessons l set is_available = l.is_published where l.course_id = any (v_course_ids);
  end if;

  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.track_id), (o.track_id)) t(track_id)
  where t.track_id is not null
    and (n.is_published <> o.is_published or n.track_id is distinct from o.track_id
      or (n.total_lessons > 0) <> (o.total_lessons > 0))
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.courses_updated() is
  'Statement trigger: recounts what a published or unpublished course belongs to.';

create or replace trigger courses_updated
  after update on learn.courses
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.courses_updated();

create or replace trigger courses_touch
  before update on learn.courses
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();

-- When courses are deleted: their tracks may be complete without them.
create or replace trigger courses_deleted
  after delete on learn.courses
  referencing old table as old_rows
  for each statement
  execute function learn_internal.refresh_parents('refresh_tracks', 'track_id');
