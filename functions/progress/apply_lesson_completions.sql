-- What completing lessons causes. Takes rows of user_lesson_progress that have just become
-- completed, three of their columns as parallel arrays, whether any was started before, and whether
-- any score is 100. One array of rows for the statement that reads all columns: an array more
-- in unnest() costs more than a column more in a row.
create or replace function learn_internal.apply_lesson_completions(
  p_completions learn_internal.completion[],
  p_user_ids uuid[], p_lesson_ids bigint[], p_at timestamptz[],
  p_were_started boolean, p_have_full_score boolean
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
set enable_hashjoin = off  -- one user's rows by key, never a table's: see docs/engine.md
set jit = off
as $$
declare
  v_completions   learn_internal.completion[] := p_completions;
  v_fast_seconds  interval;
  v_now           timestamptz;
  v_has_recorded  boolean;
  v_has_any       boolean;             -- exercises
  v_has_courses   boolean;
  v_pays          integer;             -- what lesson_completed does
  v_is_qualifying boolean;
  v_is_perfect_qualifying boolean;
  v_recorded      jsonb;               -- facts recorded from outside already: type, user, lesson
begin
  -- The users first, in key order: everything else of theirs comes after this lock.
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;

  -- What is the same for all; the time as learn.clock() tells it, without the price of a call
  select t.pays, t.is_qualifying,
    coalesce((select o.now_is from learn_internal.clock_override o), now()),
    exists (select from learn_internal.recorded_subjects r where r.user_id = any (p_user_ids)),
    exists (
      select from learn.exercises e where e.lesson_id = any (p_lesson_ids) and e.is_published),
    exists (
      select from learn.lessons l where l.id = any (p_lesson_ids) and l.course_id is not null)
  into v_pays, v_is_qualifying, v_now, v_has_recorded, v_has_any, v_has_courses
  from learn.activity_types t
  where t.key = 'lesson_completed';
  if p_were_started then
    select (s.value #>> '{}')::numeric * interval '1 second' into v_fast_seconds
    from learn.platform_settings s
    where s.key = 'speed_runner_seconds';
  end if;
  if v_has_recorded then
    select jsonb_object_agg(format('%s %s %s', r.activity_type, r.user_id, r.subject_id), true)
    into v_recorded
    from unnest(p_user_ids, p_lesson_ids) c(user_id, lesson_id)
    join learn_internal.recorded_subjects r
      on r.user_id = c.user_id and r.activity_type in ('lesson_completed', 'lesson_perfect')
        and r.subject_type = 'lesson' and r.subject_id = c.lesson_id::text;
  end if;

  if v_has_any then
    -- How the exercises of each lesson were solved; null where a lesson has none
    select array_agg((c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
      c.exercises > 0, c.first_tries = c.exercises, c.wrong = 0, c.failed = 0,
      'lesson_completed')::learn_internal.completion order by c.position)
    into v_completions
    from (
      select c.position, c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score,
        count(e.id) as exercises,
        count(*) filter (where x.is_first_try) as first_tries,
        coalesce(sum(x.wrong_submissions), 0) as wrong,
        coalesce(sum(x.failed_submissions), 0) as failed
      from unnest(p_completions) with ordinality c(user_id, lesson_id, completed_at, started_at,
        score, has_exercises, is_first_try, is_flawless, is_clean, activity_type, position)
      left join learn.exercises e on e.lesson_id = c.lesson_id and e.is_published
      left join lateral (
        select p.* from learn.user_exercise_progress p
        where p.user_id = c.user_id and p.exercise_id = e.id
        offset 0
      ) x on true
      group by c.position, c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score
    ) c;
  end if;
  -- A lesson without a fault is a fact more.
  if p_have_full_score or v_has_any then
    select t.is_qualifying into v_is_perfect_qualifying
    from learn.activity_types t
    where t.key = 'lesson_perfect';
    v_completions := array(
      select (c.user_id, c.lesson_id, c.completed_at, c.started_at, c.score, c.has_exercises,
        c.is_first_try, c.is_flawless, c.is_clean, f.activity_type)::learn_internal.completion
      from unnest(v_completions) with ordinality c(user_id, lesson_id, completed_at, started_at,
        score, has_exercises, is_first_try, is_flawless, is_clean, activity_type, position)
      cross join lateral (
        values ('lesson_completed', true),
          ('lesson_perfect', case when c.has_exercises then c.is_first_try else c.score = 100 end)
      ) f(activity_type, is_due)
      where f.is_due
      order by c.position, f.activity_type);
  end if;

  insert into learn.activity_log
    (user_id, activity_type, subject_type, subject_id, properties, xp, occurred_at,
     local_date, is_qualifying, recorded_at)
  select p.user_id, p.activity_type, 'lesson', p.lesson_id::text,
    case when p.activity_type = 'lesson_perfect' then '{}'
      else jsonb_build_object('slug', l.slug, 'difficulty', l.difficulty,
          'has_exercises', coalesce(p.has_exercises, false),
          'is_fast', coalesce(p.completed_at >= p.started_at
            and p.completed_at < p.started_at + v_fast_seconds, false))
        || case when p.has_exercises then jsonb_build_object(
          'is_clean', p.is_clean, 'is_first_try', p.is_first_try,
          'is_flawless', p.is_flawless) else '{}' end
    end,
    case when p.activity_type = 'lesson_completed' then
      round(coalesce(l.xp_reward, v_pays, 0) * coalesce(d.xp_multiplier, 1))::integer
    end,
    p.completed_at, (p.completed_at at time zone u.timezone)::date,
    case when p.activity_type = 'lesson_perfect' then v_is_perfect_qualifying
      else v_is_qualifying end,
    v_now
  from unnest(v_completions) p
  join learn.users u on u.id = any (array[p.user_id])
  cross join lateral (
    select n.slug, n.difficulty, n.xp_reward from learn.lessons n where n.id = p.lesson_id offset 0
  ) l
  left join learn.difficulties d on d.key = l.difficulty
  -- recorded from outside already: paid
  where v_recorded is null
    or not v_recorded ? format('%s %s %s', p.activity_type, p.user_id, p.lesson_id);

  if v_has_courses then
    perform learn_internal.advance_courses(p_user_ids, p_lesson_ids, p_at);
  end if;
  perform learn_internal.advance_tracks(p_user_ids, 'lesson', p_lesson_ids, p_at);
end;
$$;
comment on function learn_internal.apply_lesson_completions(
  learn_internal.completion[], uuid[], bigint[], timestamptz[], boolean, boolean) is
  'Writes the facts of newly completed lessons, and moves their courses and tracks.';
revoke all on function learn_internal.apply_lesson_completions(
  learn_internal.completion[], uuid[], bigint[], timestamptz[], boolean, boolean) from public;
