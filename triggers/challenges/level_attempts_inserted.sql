-- When levels of challenges are attempted, one attempt after the other, by user: every attempt is a fact and counts in
-- the progress, the first pass of a level pays, passing the last one completes the challenge. Facts are written together,
-- but before what follows from them. See level_attempts.sql for what comes before and after.
-- Errors: LX005 the challenge is locked, after all that this statement unlocks; or a level before it is not passed.
create or replace function learn_internal.level_attempts_inserted()
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
  n          record;               -- an attempt
  p          learn_internal.attempt;
  v_user_id  uuid;
  v_level    record;               -- at which it is
  v_progress learn.user_challenge_progress;
  v_attempt  integer;              -- its number
  v_hints    record;
  v_is_first boolean;              -- pass of the level
  v_facts    learn_internal.fact[] := '{}'::learn_internal.fact[];
  v_passed   learn_internal.attempt[] := '{}'::learn_internal.attempt[];  -- a level, for the first time
  v_locked   learn_internal.attempt[] := '{}'::learn_internal.attempt[];
  v_now      timestamptz := learn.clock();
  v_last_id  bigint := coalesce(pg_sequence_last_value('learn.xp_transactions_id_seq'), 0);
  v_user_ids uuid[] := '{}'::uuid[];         -- challenges that are completed by this
  v_ids      bigint[] := '{}'::bigint[];
  v_at       timestamptz[] := '{}'::timestamptz[];
begin
  for n in
    select a.user_id, a.id, a.challenge_id, a.level_number, a.score, a.passed, a.created_at,
      coalesce(a.time_spent_seconds, 0) as seconds
    from new_rows a
    order by a.user_id, a.id
  loop
    if n.user_id is distinct from v_user_id then
      perform from learn.user_stats s where s.user_id = n.user_id for no key update;
      v_user_id := n.user_id;
    end if;
    select c.slug, c.category, c.difficulty, l.xp_reward into v_level
    from learn.challenge_levels l
    join learn.challenges c on c.id = l.challenge_id
    where l.challenge_id = n.challenge_id and l.level_number = n.level_number;
    select * into v_progress
    from learn.user_challenge_progress e
    where e.user_id = n.user_id and e.challenge_id = n.challenge_id;
    -- Levels are passed in order: those before count, of earlier attempts or of this statement.
    if exists (
      select from learn.challenge_levels l
      where l.challenge_id = n.challenge_id and l.level_number < n.level_number
        and l.level_number > coalesce(v_progress.current_level, 0))
    then
      raise exception 'the level is locked'
        using errcode = 'LX005',
          detail = format('user_id = %s, challenge_id = %s, level %s; passed so far: %s',
            n.user_id, n.challenge_id, n.level_number, coalesce(v_progress.current_level, 0)),
          hint = 'Levels are passed in order.';
    end if;

    -- Number the attempt and note the hints used, whatever its writer says.
    select count(*) into v_attempt
    from learn.level_attempts e
    where e.challenge_id = n.challenge_id and e.level_number = n.level_number and e.user_id = n.user_id
      and e.id <= n.id;
    select count(*)::integer as used, coalesce(sum(h.xp_penalty), 0)::integer as penalty into v_hints
    from learn.hint_usage h
    where h.user_id = n.user_id and h.challenge_id = n.challenge_id and h.level_number = n.level_number;
    update learn.level_attempts a
    set attempt_number = v_attempt, hints_used = v_hints.used, xp_earned = 0
    where a.user_id = n.user_id and a.id = n.id;

    -- The facts
    v_facts := v_facts || (
      n.user_id, 'challenge_attempted', 'challenge', n.challenge_id::text,
      jsonb_build_object('challenge', v_level.slug, 'category', v_level.category,
        'level', n.level_number, 'score', n.score, 'passed', n.passed),
      null, n.created_at)::learn_internal.fact;
    v_is_first := n.passed
      and n.level_number <> all (coalesce(v_progress.levels_completed, '{}'::integer[]));
    if v_is_first then
      v_facts := v_facts || (
        n.user_id, 'challenge_level_passed', 'challenge_level', n.challenge_id || ':' || n.level_number,
        jsonb_build_object('challenge', v_level.slug, 'category', v_level.category,
          'difficulty', v_level.difficulty, 'level', n.level_number, 'score', n.score,
          'attempt_number', v_attempt, 'hints_used', v_hints.used),
        greatest(0, v_level.xp_reward - v_hints.penalty), n.created_at)::learn_internal.fact;
      v_passed := v_passed
        || (n.user_id, n.id, n.challenge_id, n.level_number, n.created_at)::learn_internal.attempt;
    end if;

    -- Progress
    if v_progress.user_id is null then
      insert into learn.user_challenge_progress
        (user_id, challenge_id, current_level, levels_completed, started_at, total_attempts,
         time_spent_seconds, best_score)
      values (n.user_id, n.challenge_id, case when n.passed then n.level_number else 0 end,
        case when n.passed then array[n.level_number] else '{}' end, n.created_at, 1, n.seconds, n.score)
      on conflict do nothing;
    else
      update learn.user_challenge_progress e
      set current_level = greatest(e.current_level, case when n.passed then n.level_number end),
        levels_completed = array(
          select distinct l from unnest(e.levels_completed || case when n.passed then n.level_number end) l
          where l is not null order by l),
        started_at = least(e.started_at, n.created_at), total_attempts = e.total_attempts + 1,
        time_spent_seconds = e.time_spent_seconds + n.seconds, best_score = greatest(e.best_score, n.score)
      where e.user_id = n.user_id and e.challenge_id = n.challenge_id;
    end if;
    if v_progress.unlocked_at is null then
      v_locked := v_locked
        || (n.user_id, n.id, n.challenge_id, n.level_number, n.created_at)::learn_internal.attempt;
    end if;
  end loop;
  if v_user_id is null then
    return null;
  end if;
  perform learn_internal.write_facts(v_facts);

  -- What first passes paid is noted with the attempts.
  foreach p in array v_passed loop
    update learn.level_attempts a
    set xp_earned = t.amount
    from learn.xp_transactions t
    where a.user_id = p.user_id and a.id = p.id
      and t.user_id = p.user_id and t.created_at >= v_now and t.id > v_last_id and t.amount > 0
      and t.source_type = 'challenge_level_passed'
      and t.source_id = p.challenge_id || ':' || p.level_number;
    if not exists (
      select from learn.challenge_levels l
      join learn.user_challenge_progress e on e.user_id = p.user_id and e.challenge_id = p.challenge_id
      where l.challenge_id = p.challenge_id and l.level_number <> all (e.levels_completed))
    then
      v_user_ids := v_user_ids || p.user_id;
      v_ids := v_ids || p.challenge_id;
      v_at := v_at || (
        select max(x.at) from unnest(v_passed) x
        where x.user_id = p.user_id and x.challenge_id = p.challenge_id);
    end if;
  end loop;
  if cardinality(v_ids) > 0 then
    perform learn_internal.complete_challenges(v_user_ids, v_ids, v_at);
  end if;

  -- All that was attempted must be unlocked by now: an attempt at a challenge that its user has earned does it.
  foreach p in array v_locked loop
    update learn.user_challenge_progress e
    set unlocked_at = e.started_at
    where e.user_id = p.user_id and e.challenge_id = p.challenge_id and e.unlocked_at is null
      and exists (
        select from learn_internal.due_challenge_unlocks d
        where d.user_id = p.user_id and d.challenge_id = p.challenge_id);
    if not found and exists (
      select from learn.user_challenge_progress e
      where e.user_id = p.user_id and e.challenge_id = p.challenge_id and e.unlocked_at is null)
    then
      raise exception 'the challenge is locked'
        using errcode = 'LX005', detail = format('user_id = %s, challenge %s', p.user_id,
            (select c.slug from learn.challenges c where c.id = p.challenge_id)),
          hint = 'What it takes: learn.challenge_prerequisites_status.';
    end if;
  end loop;
  return null;
end;
$$;
comment on function learn_internal.level_attempts_inserted() is
  'Statement trigger: attempts count, first passes pay, the last level completes the challenge.';

create or replace trigger level_attempts_inserted
  after insert on learn.level_attempts
  referencing new table as new_rows
  for each statement execute function learn_internal.level_attempts_inserted();
