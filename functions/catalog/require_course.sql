-- Refuses a course that does not exist or is not published.
-- Errors: LX003, LX004.
create or replace function learn_internal.require_course(p_course_id bigint)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_published boolean;
begin
  select c.is_published into v_is_published from learn.courses c where c.id = p_course_id;
  if not found then
    raise exception 'unknown course'
      using errcode = 'LX003',
        detail = format('p_course_id = %s', coalesce(p_course_id::text, 'null')),
        hint = 'Look the course up in learn.courses.';
  end if;
  if not v_is_published then
    raise exception 'the course is not published'
      using errcode = 'LX004', detail = format('p_course_id = %s', p_course_id),
        hint = 'Publish it: learn.courses.is_published.';
  end if;
end;
$$;
comment on function learn_internal.require_course(bigint) is
  'Refuses an unknown (LX003) or unpublished (LX004) course.';
