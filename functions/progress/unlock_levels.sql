-- Unlocks the levels that are due for users in courses, completes those whose lessons are completed
-- already, and goes on with the ones after them until nothing is new: as often as a course has such
-- levels in a row, each time for all users at once.
create or replace function learn_internal.unlock_levels(p_user_ids uuid[], p_course_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = on   -- joins sets with sets
set jit = off
as $$
declare
  v_user_ids   uuid[];
  v_lesson_ids bigint[];
  v_facts      learn_internal.fact[];
begin
  loop
    -- As due_level_unlocks says, by key whatever the size of the statement: the order of levels
    -- is looked up once per course, and unlocks once per user and level.
    with levels as materialized (
      select * from learn_internal.level_order o where o.course_id = any (p_course_ids)
    ), unlocked as (
      insert into learn.user_level_unlocks (user_id, course_level_id, unlocked_at)
      select p.user_id, o.course_level_id, greatest(p.enrolled_at, b.completed_at)
      from learn.user_course_progress p
      join levels o on o.course_id = p.course_id
      left join lateral (
        select u.completed_at from learn.user_level_unlocks u
        where u.user_id = p.user_id and u.course_level_id = o.previous_level_id
        limit 1
      ) b on true
      left join lateral (
        select u.user_id from learn.user_level_unlocks u
        where u.user_id = p.user_id and u.course_level_id = o.course_level_id
        limit 1
      ) a on true
      where p.user_id = any (p_user_ids) and p.course_id = any (p_course_ids)
        and (o.previous_level_id is null or b.completed_at is not null) and a.user_id is null
      order by p.user_id, o.course_id, o.position, o.course_level_id
      on conflict do nothing
      returning user_id, course_level_id
    )
    select array_agg(u.user_id), array_agg(l.id) into v_user_ids, v_lesson_ids
    from unlocked u
    join learn.lessons l on l.course_level_id = u.course_level_id and l.is_available
    where exists (
      select from learn.exercises e
      join learn.user_exercise_progress x
        on x.user_id = u.user_id and x.exercise_id = e.id and x.solved_at is not null
      where e.lesson_id = l.id and e.is_published)
      and not exists (
        select from learn.user_lesson_progress p
        where p.user_id = u.user_id and p.lesson_id = l.id and p.completed_at is not null);
    -- Their exercises may have been solved before, in another level or before there was one.
    if v_user_ids is not null then
      perform learn_internal.complete_solved_lessons(v_user_ids, v_lesson_ids);
    end if;

    with due as (
      select u.user_id, u.course_level_id, r.completed_at
      from learn.user_level_unlocks u
      join learn.course_levels v on v.id = u.course_level_id and v.course_id = any (p_course_ids)
      -- a level that was moved may be in a course in which its learner is not enrolled
      join learn.user_course_progress p on p.user_id = u.user_id and p.course_id = v.course_id
      cross join lateral (
        select x.completed_at from learn_internal.level_recounts x
        where x.user_id = u.user_id and x.course_level_id = u.course_level_id
        limit 1
      ) r
      where u.user_id = any (p_user_ids) and u.completed_at is null
    ), completed as (
      update learn.user_level_unlocks u
      set completed_at = d.completed_at
      from due d
      where u.user_id = d.user_id and u.course_level_id = d.course_level_id
      returning u.user_id, u.course_level_id, u.completed_at
    )
    select array_agg(
      (c.user_id, 'level_completed', 'course_level', c.course_level_id::text,
        jsonb_build_object('slug', v.slug, 'course', k.slug), null,
        c.completed_at)::learn_internal.fact
      order by c.user_id, c.completed_at, v.position, v.id)
    into v_facts
    from completed c
    join learn.course_levels v on v.id = c.course_level_id
    join learn.courses k on k.id = v.course_id;
    exit when v_facts is null;
    perform learn_internal.write_facts(v_facts);
  end loop;
end;
$$;
comment on function learn_internal.unlock_levels(uuid[], bigint[]) is
  'Unlocks levels that are due for users in courses, and completes those that are complete.';
