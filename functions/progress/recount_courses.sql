-- Recounts users' progress in courses, set-based, and settles what is due to be unlocked or completed, where there is
-- something. The caller has locked the users.
create or replace function learn_internal.recount_courses(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_custom_plan  -- for one user or for a million: plans that differ
as $$
begin
  update learn.user_course_progress p
  set lessons_completed = r.lessons_completed, total_lessons = r.total_lessons,
    levels_completed = r.levels_completed, total_levels = r.total_levels,
    weight_completed = r.weight_completed, total_weight = r.total_weight,
    time_spent_seconds = r.time_spent_seconds, last_activity_at = r.last_activity_at
  from (
    select q.user_id, q.course_id, coalesce(l.lessons_completed, 0) as lessons_completed, c.total_lessons,
      coalesce(v.levels_completed, 0) as levels_completed, c.total_levels,
      coalesce(l.weight_completed, 0) as weight_completed, c.total_weight,
      coalesce(l.time_spent_seconds, 0) as time_spent_seconds,
      greatest(q.last_activity_at, l.last_activity_at) as last_activity_at
    from learn.user_course_progress q
    join learn.courses c on c.id = q.course_id
    left join (
      select * from learn_internal.course_recounts x where x.user_id = any (p_user_ids)
    ) l on l.user_id = q.user_id and l.course_id = q.course_id
    left join (
      select * from learn_internal.course_level_recounts x where x.user_id = any (p_user_ids)
    ) v on v.user_id = q.user_id and v.course_id = q.course_id
    where q.user_id = any (p_user_ids)
  ) r
  where p.user_id = r.user_id and p.course_id = r.course_id
    and (p.lessons_completed, p.total_lessons, p.levels_completed, p.total_levels, p.weight_completed,
      p.total_weight, p.time_spent_seconds, p.last_activity_at) is distinct from (r.lessons_completed,
      r.total_lessons, r.levels_completed, r.total_levels, r.weight_completed, r.total_weight,
      r.time_spent_seconds, r.last_activity_at);
  -- what is due to be unlocked or completed
  perform learn_internal.settle_courses(array_agg(distinct d.user_id), array_agg(distinct d.course_id))
  from (
    select u.user_id, u.course_id from learn_internal.due_level_unlocks u
    where u.user_id = any (p_user_ids)
    union all
    select v.user_id, v.course_id
    from learn_internal.level_recounts v
    join learn.user_level_unlocks u
      on u.user_id = v.user_id and u.course_level_id = v.course_level_id and u.completed_at is null
    where v.user_id = any (p_user_ids)
    union all
    select p.user_id, p.course_id
    from learn.user_course_progress p
    where p.user_id = any (p_user_ids) and p.completion_percentage = 100 and p.completed_at is null
  ) d
  having count(*) > 0;
end;
$$;
comment on function learn_internal.recount_courses(uuid[]) is
  'Recounts users'' progress in courses, and settles what is due to be unlocked or completed.';
