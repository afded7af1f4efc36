-- What happens when queries are submitted, in this order: content is held; every run is a fact, the first
-- correct one solves the exercise, and solving the last exercise completes the lesson. Submissions stay as they
-- were judged. When they are deleted, progress is recounted.
-- Errors: LX009 a submission would be judged again.

-- 1. Before anything is written: content is held.
create or replace trigger query_submissions_hold
  before insert on learn.query_submissions
  for each statement
  execute function learn_internal.hold_content_first();

-- 2. One submission after the other, by user: what a lesson is worth depends on the submissions before its
-- completion and not on those after it. Facts are written together, but before what follows from them; so are
-- lessons completed, those of many users at once: before a user's next submission, or at the end.
create or replace function learn_internal.grade_submissions()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  n            record;               -- a submission
  v_user_id    uuid;
  v_lesson_id  bigint;
  v_solved_at  timestamptz;
  v_lesson     record;               -- how far it is solved
  v_is_new     boolean;              -- the first run of this exercise
  v_is_solved  boolean;              -- by this submission
  v_is_open    boolean;              -- the lesson is left to be completed
  v_solvers    uuid[];               -- who has solved the last exercise of a lesson
  v_lessons    bigint[];             -- which
  v_are_new    boolean[];            -- whether that was the first run of the exercise
  v_at         timestamptz;          -- when the last of them was solved
  v_subject    text;
  v_facts      learn_internal.fact[] := '{}'::learn_internal.fact[];
begin
  for n in
    select s.user_id, s.id, s.exercise_id, s.is_correct, s.error_message is not null as is_failed,
      s.submitted_at
    from new_submissions s
    order by s.user_id, s.id
  loop
    if n.user_id is distinct from v_user_id then
      perform from learn.user_stats u where u.user_id = n.user_id for no key update;
      v_user_id := n.user_id;
    elsif n.user_id = v_solvers[cardinality(v_solvers)] then
      perform learn_internal.write_facts(v_facts);
      perform learn_internal.end_lessons(v_solvers, v_lessons, v_are_new, v_at);
      v_facts := '{}'::learn_internal.fact[];
      v_solvers := null;
      v_lessons := null;
      v_are_new := null;
    end if;

    -- The exercise
    select e.lesson_id, p.user_id is null, p.solved_at into v_lesson_id, v_is_new, v_solved_at
    from learn.exercises e
    left join learn.user_exercise_progress p on p.user_id = n.user_id and p.exercise_id = e.id
    where e.id = n.exercise_id;
    v_is_solved := n.is_correct and v_solved_at is null;
    if v_is_new then
      insert into learn.user_exercise_progress
        (user_id, exercise_id, submissions, wrong_submissions, failed_submissions, is_first_try,
         solved_at)
      values (n.user_id, n.exercise_id, 1, (not n.is_correct)::integer, n.is_failed::integer,
        n.is_correct, case when n.is_correct then n.submitted_at end)
      on conflict do nothing;
    else
      update learn.user_exercise_progress p
      set submissions = p.submissions + 1,
        wrong_submissions = p.wrong_submissions + (not n.is_correct)::integer,
        failed_submissions = p.failed_submissions + n.is_failed::integer,
        solved_at = case when v_is_solved then n.submitted_at else p.solved_at end
      where p.user_id = n.user_id and p.exercise_id = n.exercise_id;
    end if;

    -- The facts
    v_subject := n.exercise_id::text;
    v_facts := v_facts || (
      n.user_id, 'exercise_attempted', 'exercise', v_subject,
      jsonb_build_object('is_correct', n.is_correct, 'is_failed', n.is_failed,
        'submission_id', n.id),
      null, n.submitted_at)::learn_internal.fact;
    if v_is_solved then
      v_facts := v_facts || (
        n.user_id, 'exercise_solved', 'exercise', v_subject, '{}', null,
        n.submitted_at)::learn_internal.fact;
      if v_is_new then
        v_facts := v_facts || (
          n.user_id, 'exercise_solved_first_try', 'exercise', v_subject, '{}', null,
          n.submitted_at)::learn_internal.fact;
      end if;
    end if;

    -- The lesson: to be completed, where this was the last of its exercises, or begun
    v_is_open := true;
    if v_is_solved then
      select count(*) as exercises, count(x.solved_at) as solved, max(x.solved_at) as at into v_lesson
      from learn.exercises e
      left join learn.user_exercise_progress x on x.user_id = n.user_id and x.exercise_id = e.id
      where e.lesson_id = v_lesson_id and e.is_published;
      if v_lesson.exercises > 0 and v_lesson.solved = v_lesson.exercises then
        v_is_open := false;
        v_solvers := v_solvers || n.user_id;
        v_lessons := v_lessons || v_lesson_id;
        v_are_new := v_are_new || v_is_new;
        v_at := v_lesson.at;
      end if;
    end if;
    if v_is_new and v_is_open then
      insert into learn.user_lesson_progress (user_id, lesson_id, status)
      values (n.user_id, v_lesson_id, 'in_progress')
      on conflict (user_id, lesson_id) do nothing;
    end if;
  end loop;
  if cardinality(v_facts) > 0 then
    perform learn_internal.write_facts(v_facts);
  end if;
  if v_solvers is not null then
    perform learn_internal.end_lessons(v_solvers, v_lessons, v_are_new, v_at);
  end if;
  return null;
end;
$$;
comment on function learn_internal.grade_submissions() is
  'Statement trigger: submissions become facts, solve exercises and complete lessons.';

create or replace trigger grade_submissions
  after insert on learn.query_submissions
  referencing new table as new_submissions
  for each statement
  execute function learn_internal.grade_submissions();

-- 3. Submissions stay as they were judged.
create or replace trigger results_stay
  after update of is_correct, error_message, submitted_at on learn.query_submissions
  for each row when ((old.is_correct, old.error_message, old.submitted_at)
    is distinct from (new.is_correct, new.error_message, new.submitted_at))
  execute function learn_internal.refuse_change();

-- 4. Submissions that are deleted, alone or with their exercise: progress is what the others say.
create or replace function learn_internal.submissions_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  d record;
begin
  for d in
    select distinct o.user_id, o.exercise_id
    from deleted_rows o
    join learn.users u on u.id = o.user_id
    join learn.exercises e on e.id = o.exercise_id
    order by o.user_id, o.exercise_id
  loop
    perform from learn.user_stats s where s.user_id = d.user_id for no key update;
    delete from learn.user_exercise_progress p
    where p.user_id = d.user_id and p.exercise_id = d.exercise_id;
    insert into learn.user_exercise_progress
      (user_id, exercise_id, submissions, wrong_submissions, failed_submissions, is_first_try, solved_at)
    select r.user_id, r.exercise_id, r.submissions, r.wrong_submissions, r.failed_submissions,
      r.is_first_try, r.solved_at
    from learn_internal.exercise_recounts r
    where r.user_id = d.user_id and r.exercise_id = d.exercise_id;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.submissions_deleted() is
  'Statement trigger: recounts the exercises of deleted submissions.';

create or replace trigger submissions_deleted
  after delete on learn.query_submissions
  referencing old table as deleted_rows
  for each statement
  execute function learn_internal.submissions_deleted();

-- A time that is moved: it is neither ahead of the clock nor absurdly far back. Those of new rows are asked where they
-- become facts.
-- Errors: LX001.
create or replace trigger refuse_new_times
  before update of submitted_at on learn.query_submissions
  for each row
  when (new.submitted_at is distinct from old.submitted_at and learn_internal.is_off_time(new.submitted_at, new.submitted_at))
  execute function learn_internal.refuse_times('submitted_at');
