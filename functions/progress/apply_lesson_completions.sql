-- What completing lessons causes. Takes rows of user_lesson_progress that have just become
-- completed, as parallel arrays.
create or replace function learn_internal.apply_lesson_completions(
  p_user_ids uuid[], p_lesson_ids bigint[], p_at timestamptz[],
  p_started_at timestamptz[], p_scores numeric[]
)
returns void
language plpgsql
volatile
set search_path = ''
set enable_hashjoin = off  -- one user's rows by key, never a table's: see docs/engine.md
as $$
declare
  v_fast_seconds  interval;
  v_has_recorded  boolean;
  v_now           timestamptz := learn.clock();
  -- how the exercises of each lesson were solved; null where no lesson has any
  v_has_exercises boolean[];
  v_is_first_try  boolean[];
  v_is_flawless   boolean[];
  v_is_clean      boolean[];
begin
  -- The users first, in key order: everything else of theirs comes after this lock.
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;

  select (s.value #>> '{}')::numeric * interval '1 second' into v_fast_seconds
  from learn.platform_settings s
  where s.key = 'speed_runner_seconds';
  v_has_recorded := exists (
    select from learn_internal.recorded_subjects r where r.user_id = any (p_user_ids));

  if exists (
    select from learn.exercises e where e.lesson_id = any (p_lesson_ids) and e.is_published)
  then
    select array_agg(q.exercises > 0 order by q.position),
      array_agg(q.first_tries = q.exercises order by q.position),
      array_agg(q.wrong = 0 order by q.position), array_agg(q.failed = 0 order by q.position)
    into v_has_exercises, v_is_first_try, v_is_flawless, v_is_clean
    from (
      select c.position, count(e.id) as exercises,
        count(*) filter (where x.is_first_try) as first_tries,
        coalesce(sum(x.wrong_submissions), 0) as wrong,
        coalesce(sum(x.failed_submissions), 0) as failed
      from unnest(p_user_ids, p_lesson_ids) with ordinality c(user_id, lesson_id, position)
      left join learn.exercises e on e.lesson_id = c.lesson_id and e.is_published
      left join learn.user_exercise_progress x
        on x.user_id = c.user_id and x.exercise_id = e.id
      group by c.position
    ) q;
  end if;

  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at,
     local_date, is_qualifying, recorded_at)
  select p.user_id, f.activity_type, 'lesson', p.lesson_id::text, f.properties, f.xp,
    p.completed_at, (p.completed_at at time zone u.timezone)::date, t.is_qualifying, v_now
  from unnest(p_user_ids, p_lesson_ids, p_at, p_started_at, p_scores,
      v_has_exercises, v_is_first_try, v_is_flawless, v_is_clean)
    p(user_id, lesson_id, completed_at, started_at, score,
      has_exercises, is_first_try, is_flawless, is_clean)
  join learn.users u on u.id = p.user_id
  join learn.lessons l on l.id = p.lesson_id
  cross join lateral (
    values
      ('lesson_completed', true,
        jsonb_build_object('slug', l.slug, 'difficulty', l.difficulty, 'has_exercises', coalesce(p.has_exercises, false),
          'is_fast', coalesce(p.completed_at >= p.started_at
            and p.completed_at < p.started_at + v_fast_seconds, false))
        || case when p.has_exercises then jsonb_build_object(
          'is_clean', p.is_clean, 'is_first_try', p.is_first_try,
          'is_flawless', p.is_flawless) else '{}' end,
        round(coalesce(l.xp_reward, (
            select r.amount from learn.xp_rules r where r.activity_type = 'lesson_completed'), 0)
          * coalesce((
            select d.xp_multiplier from learn.difficulties d where d.key = l.difficulty), 1)
        )::integer),
      ('lesson_perfect',
        case when p.has_exercises then p.is_first_try else p.score = 100 end, '{}', null)
  ) f(activity_type, is_due, properties, xp)
  join learn.activity_types t on t.key = f.activity_type
  where f.is_due and not (v_has_recorded and exists (  -- recorded from outside already: paid
    select from learn_internal.recorded_subjects r
    where r.user_id = p.user_id and r.activity_type = f.activity_type
      and r.subject_type = 'lesson' and r.subject_id = p.lesson_id::text));

  if exists (
    select from learn.lessons l where l.id = any (p_lesson_ids) and l.course_id is not null)
  then
    perform learn_internal.advance_courses(p_user_ids, p_lesson_ids, p_at);
  end if;
  perform learn_internal.advance_tracks(p_user_ids, 'lesson', p_lesson_ids, p_at);
end;
$$;
comment on function learn_internal.apply_lesson_completions(
  uuid[], bigint[], timestamptz[], timestamptz[], numeric[]) is
  'Writes the facts of newly completed lessons, and moves their courses and tracks.';
revoke all on function learn_internal.apply_lesson_completions(
  uuid[], bigint[], timestamptz[], timestamptz[], numeric[]) from public;
