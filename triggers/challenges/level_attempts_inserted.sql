-- When levels of challenges are attempted: every attempt is a fact and counts in the progress, the
-- first pass of a level pays, passing the last one completes the challenge. An attempt at a challenge
-- that the user has earned unlocks it.
-- Errors: LX005 the challenge is locked, after all that this statement unlocks; or a level before
-- it is not passed.
create or replace function learn_internal.level_attempts_inserted()
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
  v_user_ids      uuid[];
  v_locked        record;
  v_facts         learn_internal.fact[];
  v_full_user_ids uuid[];
  v_full_ids      bigint[];
  v_full_at       timestamptz[];
  v_now           timestamptz := learn.clock();
begin
  select array_agg(distinct n.user_id) into v_user_ids from new_rows n;
  if v_user_ids is null then
    return null;
  end if;
  perform from learn.user_stats s where s.user_id = any (v_user_ids)
  order by s.user_id for no key update;

  -- Levels are passed in order: those before count, of earlier attempts or of this statement.
  select r.* into v_locked
  from (
    select n.user_id, n.challenge_id, n.level_number, n.id, greatest(
      coalesce(p.current_level, 0),
      coalesce(max(n.level_number) filter (where n.passed) over (
        partition by n.user_id, n.challenge_id
        order by n.id rows between unbounded preceding and 1 preceding), 0)) as reached
    from new_rows n
    left join learn.user_challenge_progress p
      on p.user_id = n.user_id and p.challenge_id = n.challenge_id
  ) r
  where exists (
    select from learn.challenge_levels l
    where l.challenge_id = r.challenge_id and l.level_number < r.level_number
      and l.level_number > r.reached)
  order by r.id
  limit 1;
  if found then
    raise exception 'the level is locked'
      using errcode = 'LX005',
        detail = format('user_id = %s, challenge_id = %s, level %s; passed so far: %s',
          v_locked.user_id, v_locked.challenge_id, v_locked.level_number, v_locked.reached),
        hint = 'Levels are passed in order.';
  end if;

  -- Number the attempts and note the hints used, whatever their writer says.
  update learn.level_attempts a
  set attempt_number = q.attempt_number, hints_used = q.hints_used, xp_earned = 0
  from (
    select n.user_id, n.id,
      (
        select count(*) from learn.level_attempts e
        where e.user_id = n.user_id and e.challenge_id = n.challenge_id
          and e.level_number = n.level_number and e.id <= n.id
      ) as attempt_number,
      (
        select count(*) from learn.hint_usage h
        where h.user_id = n.user_id and h.challenge_id = n.challenge_id
          and h.level_number = n.level_number
      ) as hints_used
    from new_rows n
  ) q
  where a.user_id = q.user_id and a.id = q.id;

  -- The facts: attempts, and first passes with what they pay.
  select array_agg(
    (f.user_id, f.type, f.subject_type, f.subject_id, f.properties, f.xp,
      f.created_at)::learn_internal.fact
    order by f.user_id, f.created_at, f.id, f.type)
  into v_facts
  from (
    select n.user_id, n.id, n.created_at, 'challenge_attempted' as type,
      'challenge' as subject_type, n.challenge_id::text as subject_id,
      jsonb_build_object('challenge', c.slug, 'category', c.category, 'level', n.level_number,
        'score', n.score, 'passed', n.passed) as properties,
      null::integer as xp
    from new_rows n
    join learn.challenges c on c.id = n.challenge_id
    union all
    select n.user_id, n.id, n.created_at, 'challenge_level_passed', 'challenge_level',
      n.challenge_id || ':' || n.level_number,
      jsonb_build_object('challenge', c.slug, 'category', c.category, 'difficulty', c.difficulty,
        'level', n.level_number, 'score', n.score, 'attempt_number', a.attempt_number,
        'hints_used', a.hints_used),
      greatest(0, l.xp_reward - (
        select coalesce(sum(h.xp_penalty), 0) from learn.hint_usage h
        where h.user_id = n.user_id and h.challenge_id = n.challenge_id
          and h.level_number = n.level_number))::integer
    from (
      select distinct on (p.user_id, p.challenge_id, p.level_number) p.*
      from new_rows p
      where p.passed
      order by p.user_id, p.challenge_id, p.level_number, p.id
    ) n
    join learn.level_attempts a on a.user_id = n.user_id and a.id = n.id
    join learn.challenges c on c.id = n.challenge_id
    join learn.challenge_levels l
      on l.challenge_id = n.challenge_id and l.level_number = n.level_number
    left join learn.user_challenge_progress p
      on p.user_id = n.user_id and p.challenge_id = n.challenge_id
    where n.level_number <> all (coalesce(p.levels_completed, '{}'))
  ) f;

  -- Progress
  insert into learn.user_challenge_progress as p
    (user_id, challenge_id, current_level, levels_completed, started_at, total_attempts,
     time_spent_seconds, best_score)
  select n.user_id, n.challenge_id, coalesce(max(n.level_number) filter (where n.passed), 0),
    coalesce(array_agg(distinct n.level_number) filter (where n.passed), '{}'),
    min(n.created_at), count(*), coalesce(sum(n.time_spent_seconds), 0), max(n.score)
  from new_rows n
  group by n.user_id, n.challenge_id
  order by n.user_id, n.challenge_id
  on conflict (user_id, challenge_id) do update
    set current_level = greatest(p.current_level, excluded.current_level),
      levels_completed = (
        select coalesce(array_agg(distinct l order by l), '{}')
        from unnest(p.levels_completed || excluded.levels_completed) l),
      started_at = least(p.started_at, excluded.started_at),
      total_attempts = p.total_attempts + excluded.total_attempts,
      time_spent_seconds = p.time_spent_seconds + excluded.time_spent_seconds,
      best_score = greatest(p.best_score, excluded.best_score);

  perform learn_internal.write_facts(v_facts);

  -- What first passes paid is noted with the attempts.
  update learn.level_attempts a
  set xp_earned = t.amount
  from new_rows n
  join learn.xp_transactions t on t.user_id = n.user_id
    and t.source_type = 'challenge_level_passed'
    and t.source_id = n.challenge_id || ':' || n.level_number
    and t.amount > 0 and t.created_at >= v_now
  where n.passed and a.user_id = n.user_id and a.id = n.id
    and not exists (  -- it was the first pass
      select from learn.level_attempts e
      where e.user_id = n.user_id and e.challenge_id = n.challenge_id
        and e.level_number = n.level_number and e.passed and e.id < n.id);

  select array_agg(f.user_id), array_agg(f.challenge_id), array_agg(g.last_at)
  into v_full_user_ids, v_full_ids, v_full_at
  from (
    select n.user_id, n.challenge_id, max(n.created_at) as last_at
    from new_rows n
    where n.passed
    group by n.user_id, n.challenge_id
    order by n.user_id, max(n.id)
  ) g
  join learn_internal.full_challenges f on f.user_id = g.user_id and f.challenge_id = g.challenge_id
  join learn.user_challenge_progress p on p.user_id = g.user_id and p.challenge_id = g.challenge_id
  where p.completed_at is null;
  if v_full_user_ids is not null then
    perform learn_internal.complete_challenges(v_full_user_ids, v_full_ids, v_full_at);
  end if;

  -- All that was attempted must be unlocked by now.
  if exists (
    select from new_rows n
    join learn.user_challenge_progress p
      on p.user_id = n.user_id and p.challenge_id = n.challenge_id
    where p.unlocked_at is null)
  then
    update learn.user_challenge_progress p
    set unlocked_at = p.started_at
    from learn_internal.due_challenge_unlocks d
    where d.user_id = any (v_user_ids) and p.user_id = d.user_id
      and p.challenge_id = d.challenge_id and p.total_attempts > 0;
    select n.user_id, c.slug into v_locked
    from new_rows n
    join learn.user_challenge_progress p
      on p.user_id = n.user_id and p.challenge_id = n.challenge_id
    join learn.challenges c on c.id = n.challenge_id
    where p.unlocked_at is null
    order by n.id
    limit 1;
    if found then
      raise exception 'the challenge is locked'
        using errcode = 'LX005',
          detail = format('user_id = %s, challenge %s', v_locked.user_id, v_locked.slug),
          hint = 'What it takes: learn.challenge_prerequisites_status.';
    end if;
  end if;
  return null;
end;
$$;
comment on function learn_internal.level_attempts_inserted() is
  'Statement trigger: attempts count, first passes pay, the last level completes the challenge.';
revoke all on function learn_internal.level_attempts_inserted() from public;

create or replace trigger level_attempts_inserted
  after insert on learn.level_attempts
  referencing new table as new_rows
  for each statement
  execute function learn_internal.level_attempts_inserted();
comment on trigger level_attempts_inserted on learn.level_attempts is
  'Progress, facts, completion and unlocks.';
