-- What happens when challenges of the day are attempted, in this order: content is held; a score below the pass mark
-- does not pass; every attempt is a fact, a passed one pays, once for the day, and what it paid is noted with it.
-- Attempts stay as they were judged.
-- Errors: LX009 an attempt would be judged again.

create or replace trigger daily_challenge_attempts_hold
  before insert on learn.daily_challenge_attempts
  for each statement
  execute function learn_internal.hold_content_first();

-- Who passes has at least the lowest pass mark of the challenge's levels, times the day's modifier: levels without
-- a mark have none.
create or replace function learn_internal.judge_daily_attempts()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  new.passed := new.score >= coalesce((
    select least(100, d.difficulty_modifier * min(coalesce((l.passing_criteria ->> 'min_score')::numeric, 0)))
    from learn.daily_challenges d
    join learn.challenge_levels l on l.challenge_id = d.challenge_id
    where d.id = new.daily_challenge_id
    group by d.id), 0);
  return new;
end;
$$;
comment on function learn_internal.judge_daily_attempts() is
  'Row trigger: an attempt below the pass mark of its challenge does not pass.';

create or replace trigger judge_attempts
  before insert on learn.daily_challenge_attempts
  for each row when (new.passed)
  execute function learn_internal.judge_daily_attempts();

create or replace function learn_internal.daily_challenge_attempts_inserted()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off   -- by key, also where a table was small when this was planned
set jit = off
as $$
declare
  n         record;                -- an attempt
  v_user_id uuid;
  v_daily   record;                -- what it is at
  v_facts   learn_internal.fact[] := '{}'::learn_internal.fact[];
  v_now     timestamptz := learn.clock();
  v_last_id bigint := coalesce(pg_sequence_last_value('learn.xp_transactions_id_seq'), 0);
begin
  for n in
    select a.user_id, a.daily_challenge_id, a.score, a.passed, a.completed_at
    from new_rows a
    order by a.user_id, a.completed_at, a.daily_challenge_id
  loop
    if n.user_id is distinct from v_user_id then
      perform from learn.user_stats s where s.user_id = n.user_id for no key update;
      v_user_id := n.user_id;
    end if;
    select jsonb_build_object('challenge', c.slug, 'category', c.category, 'date', d.date,
        'score', n.score, 'passed', n.passed) as properties,
      round(c.xp_base * d.xp_multiplier)::integer as xp, d.date
    into v_daily
    from learn.daily_challenges d
    join learn.challenges c on c.id = d.challenge_id
    where d.id = n.daily_challenge_id;
    v_facts := v_facts || (
      n.user_id, 'challenge_attempted', 'daily_challenge', n.daily_challenge_id::text, v_daily.properties,
      null, n.completed_at)::learn_internal.fact;
    if n.passed then
      if not exists (
        select from learn_internal.recorded_subjects r
        where r.user_id = n.user_id and r.activity_type = 'daily_challenge_completed'
          and r.subject_type = 'date' and r.subject_id = v_daily.date::text)
      then
        v_facts := v_facts || (
          n.user_id, 'daily_challenge_completed', 'daily_challenge', n.daily_challenge_id::text,
          v_daily.properties, v_daily.xp, n.completed_at)::learn_internal.fact;
      end if;
    end if;
  end loop;
  if v_user_id is null then
    return null;
  end if;
  perform learn_internal.write_facts(v_facts);

  for n in select a.user_id, a.daily_challenge_id from new_rows a loop
    update learn.daily_challenge_attempts a
    set xp_earned = coalesce((
      select sum(t.amount) from learn.xp_transactions t
      where t.user_id = n.user_id and t.created_at >= v_now and t.id > v_last_id and t.amount > 0
        and t.source_type = 'daily_challenge_completed' and t.source_id = n.daily_challenge_id::text), 0)
    where a.user_id = n.user_id and a.daily_challenge_id = n.daily_challenge_id;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.daily_challenge_attempts_inserted() is
  'Statement trigger: attempts at daily challenges become facts; passed ones pay.';

create or replace trigger daily_challenge_attempts_inserted
  after insert on learn.daily_challenge_attempts
  referencing new table as new_rows
  for each statement
  execute function learn_internal.daily_challenge_attempts_inserted();

create or replace trigger results_stay
  after update of score, passed, completed_at, recorded_at on learn.daily_challenge_attempts
  for each row when ((old.score, old.passed, old.completed_at, old.recorded_at)
    is distinct from (new.score, new.passed, new.completed_at, new.recorded_at))
  execute function learn_internal.refuse_change();

-- When a row is written: it is dated neither ahead of the clock nor absurdly far back.
-- Errors: LX001.
create or replace trigger refuse_times
  before insert on learn.daily_challenge_attempts
  for each row
  when (learn_internal.is_off_time(
    greatest(new.completed_at, new.recorded_at),
    least(new.completed_at, new.recorded_at)))
  execute function learn_internal.refuse_times('completed_at', 'recorded_at');

create or replace trigger refuse_new_times
  before update of completed_at, recorded_at on learn.daily_challenge_attempts
  for each row
  when (new.completed_at is distinct from old.completed_at and learn_internal.is_off_time(new.completed_at, new.completed_at)
    or new.recorded_at is distinct from old.recorded_at and learn_internal.is_off_time(new.recorded_at, new.recorded_at))
  execute function learn_internal.refuse_times('completed_at', 'recorded_at');
