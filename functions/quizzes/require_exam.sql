-- Refuses an exam that is unknown or retired.
-- Errors: LX003, LX004.
create or replace function learn_internal.require_exam(p_exam_type text)
returns learn.exam_types
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_exam learn.exam_types;
begin
  select e.* into v_exam from learn.exam_types e where e.key = p_exam_type;
  if not found then
    perform learn_internal.require_size('p_exam_type', length(p_exam_type), 200);
    raise exception 'unknown exam'
      using errcode = 'LX003', detail = format('p_exam_type = %s', coalesce(left(p_exam_type, 50), 'null')),
        hint = 'Look the exam up in learn.exam_types.';
  end if;
  if not v_exam.is_active then
    raise exception 'the exam is retired'
      using errcode = 'LX004', detail = format('p_exam_type = %s: %s', p_exam_type, v_exam.name),
        hint = 'Take one of learn.exam_types that is active.';
  end if;
  return v_exam;
end;
$$;
comment on function learn_internal.require_exam(text) is
  'An exam that may be taken; refuses unknown ones (LX003) and retired ones (LX004).';
