-- When queries are submitted: every run is a fact, the first correct one solves the exercise,
-- and solving the last exercise completes the lesson.
--
-- What a lesson is worth depends on the submissions before its completion and not on those after
-- it. So a statement with many submissions is taken in rounds, cut per user behind each submission
-- that completes a lesson; the loop runs as often as the user with the most completes one.
-- A single submission is one round.
create or replace function learn_internal.grade_submissions()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set jit = off
as $$
declare
  v_rounds     bigint[];            -- of the submissions, in order of their ids
  v_last       bigint;
  v_user_ids   uuid[];
  v_lesson_ids bigint[];
begin
  select array_agg(distinct n.user_id) into v_user_ids from new_submissions n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  with solving as (
    select n.user_id, n.exercise_id, min(n.id) as id
    from new_submissions n
    where n.is_correct and not exists (
      select from learn.user_exercise_progress x
      where x.user_id = n.user_id and x.exercise_id = n.exercise_id and x.solved_at is not null
      offset 0)
    group by n.user_id, n.exercise_id
  ), solved as (
    select s.user_id, e.lesson_id, max(s.id) as id, count(*) as exercises
    from solving s
    join learn.exercises e on e.id = s.exercise_id and e.is_published
    group by s.user_id, e.lesson_id
  ), completing as (
    select s.user_id, s.id
    from solved s
    where (
      select count(*) from learn.exercises e
      where e.lesson_id = s.lesson_id and e.is_published) = s.exercises + (
      select count(*) from learn.exercises e
      where e.lesson_id = s.lesson_id and e.is_published and exists (
        select from learn.user_exercise_progress x
        where x.user_id = s.user_id and x.exercise_id = e.id and x.solved_at is not null
        offset 0))
  ), rounds as (
    -- Submissions and those that complete are matched by grouping, in the same time per row for any number.
    select c.id, 1 + coalesce(count(*) filter (where c.is_last) over (
      partition by c.user_id order by c.id
      rows between unbounded preceding and 1 preceding), 0) as round
    from (
      select s.user_id, s.id, bool_or(s.is_last) as is_last
      from (
        select n.user_id, n.id, false as is_last from new_submissions n
        union all
        select c.user_id, c.id, true from completing c
      ) s
      group by s.user_id, s.id
    ) c
  )
  select array_agg(r.round order by r.id), max(r.round) into v_rounds, v_last
  from rounds r;

  for v_round in 1 .. v_last loop
    with submitted as materialized (
      select n.user_id, n.id, n.exercise_id, n.is_correct,
        n.error_message is not null as is_failed, n.submitted_at
      from (
        select s.*, row_number() over (order by s.id) as number from new_submissions s
      ) n
      where v_rounds[n.number] = v_round
    ), totals as (
      select s.user_id, s.exercise_id, count(*) as submissions,
        count(*) filter (where not s.is_correct) as wrong,
        count(*) filter (where s.is_failed) as failed,
        (array_agg(s.is_correct order by s.id))[1] as is_first_correct,
        min(s.id) filter (where s.is_correct) as solving_id,
        (array_agg(s.submitted_at order by s.id) filter (where s.is_correct))[1] as solved_at
      from submitted s
      group by s.user_id, s.exercise_id
    ), graded as materialized (
      select t.*, e.lesson_id, o.user_id is null as is_first_run,
        o.user_id is null and t.is_first_correct as is_first_try,
        t.solving_id is not null and o.solved_at is null as is_newly_solved
      from totals t
      join learn.exercises e on e.id = t.exercise_id
      left join lateral (  -- by key, whatever the size of the statement
        select x.user_id, x.solved_at
        from learn.user_exercise_progress x
        where x.user_id = t.user_id and x.exercise_id = t.exercise_id
        limit 1
      ) o on true
    ), saved as (
      insert into learn.user_exercise_progress as p
        (user_id, exercise_id, submissions, wrong_submissions,
         failed_submissions, is_first_try, solved_at)
      select g.user_id, g.exercise_id, g.submissions, g.wrong, g.failed, g.is_first_try, g.solved_at
      from graded g
      order by g.user_id, g.exercise_id
      on conflict (user_id, exercise_id) do update
        set submissions = p.submissions + excluded.submissions,
          wrong_submissions = p.wrong_submissions + excluded.wrong_submissions,
          failed_submissions = p.failed_submissions + excluded.failed_submissions,
          solved_at = coalesce(p.solved_at, excluded.solved_at)
    ), begun as (
      insert into learn.user_lesson_progress (user_id, lesson_id, status)
      select distinct g.user_id, g.lesson_id, 'in_progress'
      from graded g
      where g.is_first_run
      order by g.user_id, g.lesson_id
      on conflict (user_id, lesson_id) do nothing
    ), facts as (
      select s.user_id, s.id, 1 as rank, 'exercise_attempted' as activity_type, s.exercise_id,
        jsonb_build_object('is_correct', s.is_correct, 'is_failed', s.is_failed,
          'submission_id', s.id) as properties,
        s.submitted_at as occurred_at
      from submitted s
      union all
      select g.user_id, g.solving_id, 2, 'exercise_solved', g.exercise_id, '{}', g.solved_at
      from graded g
      where g.is_newly_solved
      union all
      select g.user_id, g.solving_id, 3, 'exercise_solved_first_try',
        g.exercise_id, '{}', g.solved_at
      from graded g
      where g.is_newly_solved and g.is_first_try
    ), logged as (
      insert into learn.activity_log
        (user_id, activity_type, subject_type, subject_id, properties,
         occurred_at, local_date, is_qualifying)
      select f.user_id, f.activity_type, 'exercise',
        f.exercise_id::text, f.properties, f.occurred_at,
        (f.occurred_at at time zone u.timezone)::date, t.is_qualifying
      from facts f
      cross join lateral (
        select x.timezone from learn.users x where x.id = f.user_id limit 1
      ) u
      join learn.activity_types t on t.key = f.activity_type
      where f.rank = 1 or not exists (  -- recorded from outside already: paid
        select from learn_internal.recorded_subjects r
        where r.user_id = f.user_id and r.activity_type = f.activity_type
          and r.subject_type = 'exercise' and r.subject_id = f.exercise_id::text
        offset 0)
      order by f.user_id, f.id, f.rank
    )
    select array_agg(g.user_id), array_agg(g.lesson_id) into v_user_ids, v_lesson_ids
    from graded g
    where g.is_newly_solved;

    if v_user_ids is not null then
      perform learn_internal.complete_solved_lessons(v_user_ids, v_lesson_ids);
    end if;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.grade_submissions() is
  'Statement trigger: submissions become facts, solve exercises and complete lessons.';
revoke all on function learn_internal.grade_submissions() from public;

create or replace trigger grade_submissions
  after insert on learn.query_submissions
  referencing new table as new_submissions
  for each statement
  execute function learn_internal.grade_submissions();
comment on trigger grade_submissions on learn.query_submissions is
  'Submissions become facts, solve exercises and complete lessons.';
