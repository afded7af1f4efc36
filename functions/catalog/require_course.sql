-- Refuses a course that does not exist or is not published; none (null) may be fine, as for a discussion about no course.
-- Errors: LX003, LX004.
create or replace function learn_internal.require_course(p_course_id bigint, p_may_be_none boolean default false)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_published boolean;
begin
  if p_course_id is null and p_may_be_none then
    return;
  end if;
  select c.is_published into v_is_published from learn.courses c where c.id = p_course_id;
  if not found then
    raise exception 'unknown course'
      using errcode = 'LX003',
        detail = format('course_id = %s', coalesce(p_course_id::text, 'null')),
        hint = 'Look the course up in learn.courses.';
  end if;
  if not v_is_published then
    raise exception 'the course is not published'
      using errcode = 'LX004', detail = format('course_id = %s', p_course_id),
        hint = 'Publish it: learn.courses.is_published.';
  end if;
end;
$$;
comment on function learn_internal.require_course(bigint, boolean) is
  'Refuses an unknown (LX003) or unpublished (LX004) course.';
