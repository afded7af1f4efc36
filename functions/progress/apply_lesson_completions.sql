-- What completing lessons causes. Takes parallel arrays of rows of user_lesson_progress that have just become completed.
-- All facts are written in one statement, so that the engine runs once.
create or replace function learn_internal.apply_lesson_completions(p_user_ids uuid[], p_lesson_ids bigint[])
returns void
language plpgsql
volatile
security definer
set search_path = ''
set jit = off
as $$
declare
  v_at timestamptz[];
begin
  -- The users first, in key order: everything else of theirs comes after this lock.
  perform from learn.user_stats s where s.user_id = any (p_user_ids) order by s.user_id for no key update;

  select array_agg(p.completed_at order by c.position) into v_at
  from unnest(p_user_ids, p_lesson_ids) with ordinality c(user_id, lesson_id, position)
  join learn.user_lesson_progress p on p.user_id = c.user_id and p.lesson_id = c.lesson_id;

  with completed as materialized (
    select p.user_id, p.lesson_id, p.completed_at, l.slug, e.exercises > 0 as has_exercises,
      case when e.exercises > 0 then e.is_first_try else p.score = 100 end as is_perfect,
      e.is_first_try, e.is_flawless, e.is_clean,
      extract(epoch from p.completed_at - p.started_at) between 0 and (
        select (s.value #>> '{}')::numeric - 0.000001
        from learn.platform_settings s
        where s.key = 'speed_runner_seconds') as is_fast,
      round(coalesce(l.xp_reward, (
        select r.amount from learn.xp_rules r where r.activity_type = 'lesson_completed'), 0)
        * coalesce(d.xp_multiplier, 1))::integer as xp
    from unnest(p_user_ids, p_lesson_ids) c(user_id, lesson_id)
    join learn.user_lesson_progress p on p.user_id = c.user_id and p.lesson_id = c.lesson_id
    join learn.lessons l on l.id = c.lesson_id
    left join learn.difficulties d on d.key = l.difficulty
    cross join lateral (
      select count(*) as exercises,
        coalesce(bool_and(coalesce(x.is_first_try, false)), false) as is_first_try,
        coalesce(sum(x.wrong_submissions), 0) = 0 as is_flawless,
        coalesce(sum(x.failed_submissions), 0) = 0 as is_clean
      from learn.exercises e
      left join learn.user_exercise_progress x on x.user_id = c.user_id and x.exercise_id = e.id
      where e.lesson_id = c.lesson_id and e.is_published
    ) e
  ), facts as (
    select c.user_id, 'lesson_completed' as activity_type, 'lesson' as subject_type, c.lesson_id::text as subject_id,
      jsonb_build_object('slug', c.slug, 'has_exercises', c.has_exercises, 'is_fast', coalesce(c.is_fast, false))
        || case when c.has_exercises then jsonb_build_object(
          'is_clean', c.is_clean, 'is_first_try', c.is_first_try, 'is_flawless', c.is_flawless)
        else '{}' end as properties,
      c.xp, c.completed_at as occurred_at, 1 as rank
    from completed c
    union all
    select c.user_id, 'lesson_perfect', 'lesson', c.lesson_id::text, '{}', null, c.completed_at, 2
    from completed c
    where c.is_perfect
    union all
    select f.user_id, f.activity_type, f.subject_type, f.subject_id, f.properties, f.xp, f.occurred_at, 3
    from learn_internal.advance_tracks(p_user_ids, 'lesson', p_lesson_ids, v_at) f
  )
  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at, local_date, is_qualifying)
  select f.user_id, f.activity_type, f.subject_type, f.subject_id, f.properties, f.xp, f.occurred_at,
    (f.occurred_at at time zone u.timezone)::date, t.is_qualifying
  from facts f
  join learn.users u on u.id = f.user_id
  join learn.activity_types t on t.key = f.activity_type
  order by f.user_id, f.occurred_at, f.rank;
end;
$$;
comment on function learn_internal.apply_lesson_completions(uuid[], bigint[]) is
  'Writes the facts of newly completed lessons, and moves their tracks.';
revoke all on function learn_internal.apply_lesson_completions(uuid[], bigint[]) from public;
