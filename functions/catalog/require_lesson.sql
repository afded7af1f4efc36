-- Refuses a lesson that does not exist or is not published.
-- Errors: LX003, LX004.
create or replace function learn_internal.require_lesson(p_lesson_id bigint)
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
  v_is_published boolean;
begin
  select l.is_published into v_is_published from learn.lessons l where l.id = p_lesson_id;
  if not found then
    raise exception 'unknown lesson'
      using errcode = 'LX003',
        detail = format('p_lesson_id = %s', coalesce(p_lesson_id::text, 'null')),
        hint = 'Look the lesson up in learn.lessons.';
  end if;
  if not v_is_published then
    raise exception 'the lesson is not published'
      using errcode = 'LX004', detail = format('p_lesson_id = %s', p_lesson_id),
        hint = 'Publish it: learn.lessons.is_published.';
  end if;
end;
$$;
comment on function learn_internal.require_lesson(bigint) is
  'Refuses an unknown (LX003) or unpublished (LX004) lesson.';
revoke all on function learn_internal.require_lesson(bigint) from public;
