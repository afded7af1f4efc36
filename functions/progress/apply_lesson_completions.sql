-- What completing lessons causes: a fact, which pays; another where there was no fault; and a step in
-- each course and track of the lesson. Takes rows of user_lesson_progress that have just become
-- completed, and locks the users in their order.
-- Errors: LX001 a completion ahead of the clock, or before 1970.
create or replace function learn_internal.apply_lesson_completions(
  p_completions learn_internal.completion[]
)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  c              learn_internal.completion;
  v_lesson       learn_internal.lesson_terms;
  v_lessons      learn_internal.lesson_terms[];
  v_lesson_ids   bigint[] := array[(p_completions[1]).lesson_id];
  v_places       integer[] := array[1];  -- of each completion, that of its lesson
  v_solved       record;             -- how its exercises were solved
  v_perfect      learn.activity_types;
  v_properties   jsonb;
  v_is_perfect   boolean;
  v_user_id      uuid;
  v_learner      record;             -- the learner's zone
  v_zone         learn_internal.local_date;
  v_has_recorded boolean;            -- facts from outside, perhaps of this lesson
  v_is_recorded  boolean;
  v_fast_seconds integer;
  v_now          timestamptz;
  v_at           timestamptz;        -- of the last completion of the learner
  v_facts        learn_internal.logged_fact[];
  v_steps        learn_internal.track_step[];
  v_in_courses   learn_internal.completion[];
begin
  if cardinality(p_completions) > 1 then
    v_lesson_ids := array(select distinct a.lesson_id from unnest(p_completions) a order by a.lesson_id);
    select array_agg(
        (a.user_id, a.lesson_id, a.completed_at, a.started_at, a.score, a.seconds)::learn_internal.completion),
      array_agg(a.place)
    into p_completions, v_places
    from (
      select u.*, (dense_rank() over (order by u.lesson_id))::integer as place from unnest(p_completions) u
      order by u.user_id, u.completed_at, u.lesson_id
    ) a;
  end if;
  -- each lesson once, however many complete it
  v_lessons := array(
    select (l.id, jsonb_build_object('slug', l.slug, 'difficulty', l.difficulty, 'has_exercises', e.is_there),
      round(coalesce(l.xp_reward, t.pays, 0)
        * coalesce((select d.xp_multiplier from learn.difficulties d where d.key = l.difficulty), 1))::integer,
      t.is_qualifying, l.course_id,
      case when l.is_available then array(select i.track_id from learn.track_lessons i where i.lesson_id = l.id)
        else '{}' end,
      l.pass_score, case when l.time_limit_is_hard then l.time_limit_seconds end, e.is_there,
      not e.is_there and l.pass_score is null and not coalesce(l.time_limit_is_hard, false)
      )::learn_internal.lesson_terms
    from learn.lessons l
    join learn.activity_types t on t.key = 'lesson_completed'
    cross join lateral (
      -- not `exists`, of which a plan for many lessons would read all exercises
      select coalesce((select true from learn.exercises x where x.lesson_id = l.id and x.is_published limit 1), false)
        as is_there
      offset 0
    ) e
    where l.id = any (v_lesson_ids));
  if cardinality(v_lessons) > 1 then
    v_lessons := array(select l from unnest(v_lessons) l order by l.id);
  end if;
  for v_i in 1 .. cardinality(p_completions) loop
    c := p_completions[v_i];
    if c.user_id is distinct from v_user_id then
      select s.user_id, u.timezone, u.day_starts_at, u.zone_number, u.zone_since, exists (
        select from learn_internal.recorded_subjects r where r.user_id = s.user_id) as has_recorded,
        -- the time as learn.clock() tells it
        coalesce((select o.now_is from learn_internal.clock_override o), now()) as now_is
      into v_learner
      from learn.user_stats s
      join learn.users u on u.id = s.user_id
      where s.user_id = c.user_id
      for no key update of s;
      v_user_id := v_learner.user_id;
      v_has_recorded := v_learner.has_recorded;
      v_now := v_learner.now_is;
      v_at := null;
    end if;
    if c.completed_at is distinct from v_at then
      v_at := c.completed_at;
      if v_at > v_now + interval '5 minutes' or v_at < '1970-01-01 00:00:00+00' then
        perform learn_internal.require_possible_time('completed_at', v_at);
      end if;
      if v_at < v_learner.zone_since then
        v_zone := learn_internal.local_date(c.user_id, v_at);
      else
        v_zone.local_date := (v_at at time zone v_learner.timezone - v_learner.day_starts_at)::date;
        v_zone.zone_number := v_learner.zone_number;
      end if;
    end if;
    v_lesson := v_lessons[v_places[v_i]];
    if v_lesson.is_plain and not v_has_recorded and c.score is distinct from 100 then  -- mostly that is all
      v_facts := v_facts || (
        c.user_id, 'lesson_completed', 'lesson', c.lesson_id::text, v_lesson.properties,
        v_lesson.xp, c.completed_at, v_zone.local_date, v_zone.zone_number, v_lesson.is_qualifying
      )::learn_internal.logged_fact;
    else
      v_properties := v_lesson.properties;
      -- A score below the pass mark is kept, and completes nothing; of an attempt beyond a hard limit, the time is.
      if (v_lesson.pass_score is not null or v_lesson.hard_limit is not null)
        and not v_lesson.has_exercises
      then
        if v_lesson.pass_score is not null and coalesce(c.score < v_lesson.pass_score, true)
          or c.seconds > v_lesson.hard_limit
        then
          update learn.user_lesson_progress p
          set status = 'in_progress', completed_at = null,
            score = case when c.seconds > v_lesson.hard_limit then null else p.score end
          where p.user_id = c.user_id and p.lesson_id = c.lesson_id;
          continue;
        end if;
      end if;
      if v_lesson.has_exercises and c.started_at is not null and v_fast_seconds is null then
        v_fast_seconds := learn_internal.setting_number('speed_runner_seconds');
      end if;
      v_is_perfect := coalesce(c.score = 100, false);
      -- How well it was done is known from submissions, and only where these have solved all of it.
      if v_lesson.has_exercises then
        select count(*) = count(*) filter (where x.is_first_try) as is_first_try,
          count(*) = count(x.solved_at) and sum(x.wrong_submissions) = 0 as is_flawless,
          count(*) = count(x.solved_at) and sum(x.failed_submissions) = 0 as is_clean,
          count(*) = count(x.solved_at) as is_solved
        into v_solved
        from learn.exercises e
        left join learn.user_exercise_progress x on x.user_id = c.user_id and x.exercise_id = e.id
        where e.lesson_id = c.lesson_id and e.is_published;
        v_is_perfect := v_solved.is_first_try;
        v_properties := v_properties || jsonb_build_object(
          'is_clean', v_solved.is_clean, 'is_first_try', v_solved.is_first_try,
          'is_flawless', v_solved.is_flawless,
          'is_fast', v_solved.is_solved and coalesce(c.completed_at >= c.started_at
            and c.completed_at < c.started_at + v_fast_seconds * interval '1 second', false));
      end if;
      -- What is remembered has paid: it was recorded from outside, or its row was deleted. It is done again.
      v_is_recorded := false;
      if v_has_recorded then
        v_is_recorded := exists (
          select from learn_internal.recorded_subjects r
          where r.user_id = c.user_id and r.activity_type = 'lesson_completed'
            and r.subject_type = 'lesson' and r.subject_id = c.lesson_id::text);
      end if;
      if not v_is_recorded then
        v_facts := v_facts || (
          c.user_id, 'lesson_completed', 'lesson', c.lesson_id::text, v_properties,
          v_lesson.xp, c.completed_at, v_zone.local_date, v_zone.zone_number, v_lesson.is_qualifying
        )::learn_internal.logged_fact;
      else
        v_facts := v_facts || (
          c.user_id, 'lesson_repeated', 'lesson', c.lesson_id::text, '{}', null,
          c.completed_at, v_zone.local_date, v_zone.zone_number,
          (select t.is_qualifying from learn.activity_types t where t.key = 'lesson_repeated')
        )::learn_internal.logged_fact;
      end if;
      if v_is_perfect then
        if v_perfect.key is null then
          select * into v_perfect from learn.activity_types t where t.key = 'lesson_perfect';
        end if;
        if not exists (
          select from learn_internal.recorded_subjects r
          where r.user_id = c.user_id and r.activity_type = 'lesson_perfect'
            and r.subject_type = 'lesson' and r.subject_id = c.lesson_id::text)
        then
          v_facts := v_facts || (
            c.user_id, 'lesson_perfect', 'lesson', c.lesson_id::text, '{}', null,
            c.completed_at, v_zone.local_date, v_zone.zone_number, v_perfect.is_qualifying
          )::learn_internal.logged_fact;
        end if;
      end if;
    end if;
    if v_lesson.course_id is not null then
      v_in_courses := v_in_courses || c;
    end if;
    for v_j in 1 .. cardinality(v_lesson.track_ids) loop
      v_steps := v_steps
        || (c.user_id, v_lesson.track_ids[v_j], c.completed_at)::learn_internal.track_step;
    end loop;
  end loop;

  if v_facts is not null then
    insert into learn.activity_log
      (user_id, activity_type, subject_type, subject_id, properties, xp,
       occurred_at, local_date, zone_number, is_qualifying, recorded_at)
    select f.user_id, f.activity_type, f.subject_type, f.subject_id, f.properties, f.xp,
      f.occurred_at, f.local_date, f.zone_number, f.is_qualifying, v_now
    from unnest(v_facts) f;
  end if;
  if v_in_courses is not null then
    perform learn_internal.advance_courses(
      array_agg(i.user_id), array_agg(i.lesson_id), array_agg(i.completed_at))
    from unnest(v_in_courses) i;
  end if;
  if v_steps is not null then
    perform learn_internal.advance_tracks(v_steps);
  end if;
end;
$$;
comment on function learn_internal.apply_lesson_completions(learn_internal.completion[]) is
  'Writes the facts of newly completed lessons, and moves their courses and tracks.';
