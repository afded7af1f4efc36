-- Notes activity in lessons with the courses of users who are enrolled: time spent, in seconds, and
-- when. A completion that enrols its user counts the time by itself.
create or replace function learn_internal.touch_courses(p_times learn_internal.lesson_time[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := learn.clock();
begin
  perform from learn.user_stats s where s.user_id = any (array(select t.user_id from unnest(p_times) t))
  order by s.user_id
  for no key update;

  update learn.user_course_progress p
  set time_spent_seconds = greatest(0, p.time_spent_seconds + g.seconds),
    last_activity_at = greatest(p.last_activity_at, g.at)
  from (
    select t.user_id, l.course_id, sum(t.seconds) as seconds, max(coalesce(t.at, v_now)) as at
    from unnest(p_times) t
    join learn.lessons l on l.id = t.lesson_id and l.course_id is not null
    group by t.user_id, l.course_id
  ) g
  where p.user_id = g.user_id and p.course_id = g.course_id;
end;
$$;
comment on function learn_internal.touch_courses(learn_internal.lesson_time[]) is
  'Adds time spent in lessons, in seconds, to the courses of users who are enrolled.';
