-- practice: query submissions and what they solve.

set role learn_owner;

insert into learn.activity_types (key, description, is_qualifying, happens_once) values
  ('exercise_attempted', 'The user ran a query for an exercise.', true, false),
  ('exercise_solved', 'The user solved an exercise for the first time.', true, true),
  ('exercise_solved_first_try',
    'The user solved an exercise with the first submission.', true, true)
-- they stay when this is rolled back, because facts of theirs may be in the log
on conflict (key) do nothing;

create table learn.query_submissions (
  user_id       uuid not null references learn.users on delete cascade,
  id            bigint generated always as identity,
  exercise_id   bigint not null references learn.exercises on delete cascade,
  query_text    text not null,
  is_correct    boolean not null,
  error_message text,
  duration_ms   integer,
  submitted_at  timestamptz not null default learn.clock(),
  primary key (user_id, id),
  constraint query_text_is_not_blank check (query_text ~ '\S'),
  constraint failing_query_is_not_correct check (error_message is null or not is_correct),
  constraint duration_is_not_negative check (duration_ms >= 0)
);
comment on table learn.query_submissions is
  'Every run of a query for an exercise. Solving all published exercises of a lesson completes it.';
comment on column learn.query_submissions.error_message is
  'Why the query did not execute; null: it did.';
comment on column learn.query_submissions.duration_ms is 'How long the query ran, in milliseconds.';
create index query_submissions_exercise on learn.query_submissions (exercise_id, user_id);
grant select on learn.query_submissions to learn_app, learn_readonly;

create table learn.user_exercise_progress (
  user_id            uuid not null references learn.users on delete cascade,
  exercise_id        bigint not null references learn.exercises on delete cascade,
  submissions        integer not null,
  wrong_submissions  integer not null,
  failed_submissions integer not null,
  is_first_try       boolean not null,
  solved_at          timestamptz,
  primary key (user_id, exercise_id),
  constraint submissions_add_up check (
    failed_submissions >= 0 and wrong_submissions >= failed_submissions
    and submissions >= wrong_submissions and submissions >= 1),
  constraint solved_exercises_have_a_correct_submission check (
    (solved_at is not null) = (submissions > wrong_submissions)),
  constraint first_tries_are_solved check (not is_first_try or solved_at is not null)
) with (fillfactor = 80);
comment on table learn.user_exercise_progress is
  'What a user''s submissions for an exercise add up to.';
comment on column learn.user_exercise_progress.wrong_submissions is
  'Submissions that were not correct, failed ones included.';
comment on column learn.user_exercise_progress.failed_submissions is
  'Submissions that did not execute.';
comment on column learn.user_exercise_progress.is_first_try is 'The first submission was correct.';
create index user_exercise_progress_exercise on learn.user_exercise_progress (exercise_id, user_id);
grant select on learn.user_exercise_progress to learn_app, learn_readonly;

-- views/practice/solved_lessons.sql
-- Lessons of which a user has solved every published exercise, at least one:
-- those complete by themselves.
create or replace view learn_internal.solved_lessons as
select x.user_id, e.lesson_id, max(x.solved_at) as solved_at
from learn.user_exercise_progress x
join learn.exercises e on e.id = x.exercise_id and e.is_published
join learn.lessons l on l.id = e.lesson_id and l.is_published
where x.solved_at is not null
group by x.user_id, e.lesson_id
having count(*) = (
  select count(*) from learn.exercises a
  where a.lesson_id = e.lesson_id and a.is_published);
comment on view learn_internal.solved_lessons is
  'Published lessons of which a user has solved every published exercise.';

-- functions/practice/complete_solved_lessons.sql
-- Completes the lessons among the given ones (parallel arrays) of which the user
-- has solved every exercise.
create or replace function learn_internal.complete_solved_lessons(
  p_user_ids uuid[], p_lesson_ids bigint[]
)
returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
as $$
  insert into learn.user_lesson_progress as p (user_id, lesson_id, status, completed_at)
  select c.user_id, c.lesson_id, 'completed', s.solved_at
  from (
    select distinct d.user_id, d.lesson_id
    from unnest(p_user_ids, p_lesson_ids) d(user_id, lesson_id)
  ) c
  cross join lateral (
    select v.solved_at from learn_internal.solved_lessons v
    where v.user_id = c.user_id and v.lesson_id = c.lesson_id
  ) s
  order by c.user_id, s.solved_at, c.lesson_id
  on conflict (user_id, lesson_id) do update
    set status = 'completed', completed_at = excluded.completed_at
    where p.completed_at is null;
$$;
comment on function learn_internal.complete_solved_lessons(uuid[], bigint[]) is
  'Completes those of the given lessons whose exercises the user has all solved.';
revoke all on function learn_internal.complete_solved_lessons(uuid[], bigint[]) from public;

-- functions/practice/refresh_lessons.sql
-- After a change of content: completes lessons for everybody who has solved
-- all that is left of them.
create or replace function learn_internal.refresh_lessons(p_lesson_ids bigint[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids   uuid[];
  v_lesson_ids bigint[];
begin
  select array_agg(v.user_id), array_agg(v.lesson_id) into v_user_ids, v_lesson_ids
  from learn_internal.solved_lessons v
  where v.lesson_id = any (p_lesson_ids) and not exists (
    select from learn.user_lesson_progress p
    where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null);
  if v_user_ids is not null then
    perform from learn.user_stats s where s.user_id = any (v_user_ids)
    order by s.user_id for no key update;
    perform learn_internal.complete_solved_lessons(v_user_ids, v_lesson_ids);
  end if;
end;
$$;
comment on function learn_internal.refresh_lessons(bigint[]) is
  'Completes lessons for everybody who has solved all that is left of them, '
  'after a change of content.';
revoke all on function learn_internal.refresh_lessons(bigint[]) from public;

-- triggers/practice/grade_submissions.sql
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
  v_ids        bigint[];
  v_rounds     bigint[];
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
      where x.user_id = n.user_id and x.exercise_id = n.exercise_id and x.solved_at is not null)
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
      select count(*)
      from learn.exercises e
      join learn.user_exercise_progress x on x.user_id = s.user_id and x.exercise_id = e.id
      where e.lesson_id = s.lesson_id and e.is_published and x.solved_at is not null)
  ), rounds as (
    select n.id, 1 + coalesce(count(c.id) over (
      partition by n.user_id order by n.id
      rows between unbounded preceding and 1 preceding), 0) as round
    from new_submissions n
    left join completing c on c.user_id = n.user_id and c.id = n.id
  )
  select array_agg(r.id), array_agg(r.round), max(r.round)
  into v_ids, v_rounds, v_last
  from rounds r;

  for v_round in 1 .. v_last loop
    with submitted as materialized (
      select n.user_id, n.id, n.exercise_id, n.is_correct,
        n.error_message is not null as is_failed, n.submitted_at
      from unnest(v_ids, v_rounds) r(id, round)
      join new_submissions n on n.id = r.id
      where r.round = v_round
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
          and r.subject_type = 'exercise' and r.subject_id = f.exercise_id::text)
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

-- triggers/practice/query_submissions_hold.sql
-- Before submissions are written: content is held.
create or replace trigger query_submissions_hold
  before insert on learn.query_submissions
  for each statement
  execute function learn_internal.hold_content_first();
comment on trigger query_submissions_hold on learn.query_submissions is 'Keeps content as it is.';

-- triggers/catalog/exercises_change.sql
-- When a lesson's exercises change: learners wait.
create or replace trigger exercises_change
  before insert or update of is_published, lesson_id or delete on learn.exercises
  for each statement
  execute function learn_internal.change_content();
comment on trigger exercises_change on learn.exercises is 'A change has learners wait.';

-- triggers/catalog/exercises_updated.sql
-- When exercises change: one that is unpublished, or moved to another lesson,
-- may leave its lesson solved.
create or replace function learn_internal.exercises_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_lessons(array_agg(distinct l.lesson_id))
  from new_rows n
  join old_rows o on o.id = n.id
  cross join lateral (values (n.lesson_id), (o.lesson_id)) l(lesson_id)
  where n.is_published <> o.is_published or n.lesson_id <> o.lesson_id
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.exercises_updated() is
  'Statement trigger: completes lessons that a change of exercises leaves solved.';
revoke all on function learn_internal.exercises_updated() from public;

create or replace trigger exercises_updated
  after update on learn.exercises
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.exercises_updated();
comment on trigger exercises_updated on learn.exercises is
  'Completes lessons that this leaves solved.';

-- triggers/catalog/exercises_deleted.sql
-- When exercises are deleted: the lesson may be left solved.
create or replace function learn_internal.exercises_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_lessons(array_agg(distinct o.lesson_id))
  from old_rows o having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.exercises_deleted() is
  'Statement trigger: completes lessons that deleted exercises leave solved.';
revoke all on function learn_internal.exercises_deleted() from public;

create or replace trigger exercises_deleted
  after delete on learn.exercises
  referencing old table as old_rows
  for each statement
  execute function learn_internal.exercises_deleted();
comment on trigger exercises_deleted on learn.exercises is
  'Completes lessons that this leaves solved.';

-- triggers/catalog/lessons_updated.sql
-- When lessons change: one that is published or unpublished moves the percentages of its tracks,
-- and one that is published is complete for those who have solved its exercises already.
create or replace function learn_internal.lessons_updated()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.refresh_tracks(array_agg(distinct t.track_id))
  from new_rows n
  join old_rows o on o.id = n.id
  join learn.track_lessons t on t.lesson_id = n.id
  where n.is_published <> o.is_published
  having count(*) > 0;

  perform learn_internal.refresh_lessons(array_agg(n.id))
  from new_rows n
  join old_rows o on o.id = n.id
  where n.is_published and not o.is_published
  having count(*) > 0;
  return null;
end;
$$;
comment on function learn_internal.lessons_updated() is
  'Statement trigger: recounts tracks of published and unpublished lessons.';
revoke all on function learn_internal.lessons_updated() from public;

create or replace trigger lessons_updated
  after update on learn.lessons
  referencing old table as old_rows new table as new_rows
  for each statement
  execute function learn_internal.lessons_updated();
comment on trigger lessons_updated on learn.lessons is 'Recounts the tracks.';

create or replace trigger lessons_touch
  before update on learn.lessons
  for each row
  when (old.* is distinct from new.*)
  execute function learn_internal.touch_updated_at();
comment on trigger lessons_touch on learn.lessons is 'Keeps updated_at.';

reset role;
