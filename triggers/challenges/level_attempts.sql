-- What happens when levels of challenges are attempted, in this order: content is held; a score below the pass mark
-- does not pass; every attempt is a fact and counts in the progress, the first pass of a level pays, passing the last
-- one completes the challenge. Attempts stay as they were judged. When they are deleted, progress is recounted.
-- Errors: LX005 the challenge or a level before is not done; LX009 an attempt would be judged again.

-- 1. Before anything is written: content is held.
create or replace trigger level_attempts_hold
  before insert on learn.level_attempts
  for each statement execute function learn_internal.hold_content_first();

-- 2. Who passes has reached the pass mark of the level, where it has one, whatever the writer says.
create or replace function learn_internal.judge_attempts()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  new.passed := new.score >= coalesce((
    select (l.passing_criteria ->> 'min_score')::numeric
    from learn.challenge_levels l
    where l.challenge_id = new.challenge_id and l.level_number = new.level_number), 0);
  return new;
end;
$$;
comment on function learn_internal.judge_attempts() is
  'Row trigger: an attempt below the pass mark of its level does not pass.';

create or replace trigger judge_attempts
  before insert on learn.level_attempts
  for each row when (new.passed)
  execute function learn_internal.judge_attempts();

-- 3. The attempts themselves: level_attempts_inserted.sql.

-- 4. Attempts stay as they were judged.
create or replace trigger results_stay
  after update of score, passed, attempt_number, hints_used, time_spent_seconds, created_at
  on learn.level_attempts
  for each row when ((old.score, old.passed, old.time_spent_seconds, old.created_at)
    is distinct from (new.score, new.passed, new.time_spent_seconds, new.created_at)
    or pg_trigger_depth() = 0
      and (old.attempt_number, old.hints_used) is distinct from (new.attempt_number, new.hints_used))
  execute function learn_internal.refuse_change();

-- 5. Attempts that are deleted, alone or with their level: the progress that they made is recounted.
create or replace function learn_internal.level_attempts_deleted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  d         record;
  r         learn_internal.challenge_recounts;
  v_user_id uuid;
begin
  for d in
    select distinct o.user_id, o.challenge_id
    from deleted_rows o
    join learn.users u on u.id = o.user_id
    join learn.challenges c on c.id = o.challenge_id
    order by o.user_id, o.challenge_id
  loop
    if d.user_id is distinct from v_user_id then
      perform from learn.user_stats s where s.user_id = d.user_id for no key update;
      v_user_id := d.user_id;
    end if;
    select * into r
    from learn_internal.challenge_recounts x
    where x.user_id = d.user_id and x.challenge_id = d.challenge_id;
    update learn.user_challenge_progress p
    set current_level = coalesce(r.current_level, 0), levels_completed = coalesce(r.levels_completed, '{}'),
      total_attempts = coalesce(r.total_attempts, 0), started_at = r.started_at,
      time_spent_seconds = coalesce(r.time_spent_seconds, 0), best_score = r.best_score
    where p.user_id = d.user_id and p.challenge_id = d.challenge_id;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.level_attempts_deleted() is
  'Statement trigger: recounts the progress of deleted attempts.';

create or replace trigger level_attempts_deleted
  after delete on learn.level_attempts
  referencing old table as deleted_rows
  for each statement execute function learn_internal.level_attempts_deleted();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.level_attempts
  for each row
  when (learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');

create or replace trigger refuse_new_times
  before update of created_at on learn.level_attempts
  for each row
  when (new.created_at is distinct from old.created_at and learn_internal.is_off_time(new.created_at, new.created_at))
  execute function learn_internal.refuse_times('created_at');
