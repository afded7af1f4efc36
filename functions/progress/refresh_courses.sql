-- After a change of content: what courses consist of is counted anew, and so is the progress
-- of everybody who is enrolled. Percentages are live, unlocks and completions sticky.
create or replace function learn_internal.refresh_courses(p_course_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
begin
  perform learn_internal.count_courses(p_course_ids);

  select array_agg(l.user_id) into v_user_ids
  from (
    select s.user_id
    from learn.user_stats s
    where s.user_id in (
      select p.user_id from learn.user_course_progress p where p.course_id = any (p_course_ids))
    order by s.user_id
    for no key update
  ) l;
  if v_user_ids is not null then
    perform learn_internal.settle_courses(v_user_ids, p_course_ids);
  end if;
end;
$$;
comment on function learn_internal.refresh_courses(bigint[]) is
  'Recounts courses, and the progress of everybody enrolled in them, after a change of content.';
