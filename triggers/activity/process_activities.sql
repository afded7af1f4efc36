-- When facts are written: the engine. Everything that a fact causes happens here, in this order:
-- lock, XP and level, streak, metrics, achievements. Earned achievements and new levels are facts
-- too: they are written to the log and come through here again, until nothing is new.
-- It goes by groups of facts: of one learner, one type, one day, and whether they count in metrics. A
-- single fact is a group; a load of a million is many, in the order of the learners' keys. Each step is
-- a simple statement by key: to start a plan of many parts costs more than all that it does for one fact.
-- What is rare is seen from what these return, and has a function of its own. Costs do not depend on
-- a learner's history: counters are incremented, thresholds found by index.
-- Errors: LX001 a fact of an unknown activity type, one that is malformed, or ahead of the clock.
create or replace function learn_internal.process_activities()
returns trigger
language plpgsql
volatile
security definer                  -- a writer of facts need not be a writer of rewards
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  g             record;                           -- a group of facts
  v_type        record;                           -- what its type says
  v_key         text;                             -- of that type
  v_feed        learn_internal.metric_feeds;
  v_user_id     uuid;
  v_at          timestamptz;                      -- when the user's latest fact came in, or later
  v_stats       learn.user_stats;
  v_paid        record;
  v_xp          bigint;
  v_facts       integer;
  v_gains       learn_internal.gain[] := '{}'::learn_internal.gain[];    -- what boards are to count
  v_pays        jsonb := '{}'::jsonb;                    -- what types pay, by their keys
  v_has_xp      boolean := false;
  v_capped      jsonb;                            -- what facts pay within a cap, by their ids
  v_rise        learn_internal.rise;
  v_rises       learn_internal.rise[] := '{}'::learn_internal.rise[];    -- new levels
  v_win         learn_internal.win;
  v_new         learn_internal.win[];             -- thresholds that this group has crossed
  v_won         learn_internal.win[] := '{}'::learn_internal.win[];     -- thresholds crossed
  v_run         learn_internal.run_event[];       -- what this group does to runs
  v_events      learn_internal.run_event[] := '{}'::learn_internal.run_event[];
  v_notifies    boolean := false;
  v_seen        uuid[] := '{}'::uuid[];           -- users who were not seen for five minutes
  v_seen_at     timestamptz[] := '{}'::timestamptz[];
begin
  for g in
    select n.user_id, n.activity_type, n.local_date, n.zone_number, count(*)::integer as facts,
      coalesce(sum(n.xp), 0) as xp, count(n.xp)::integer as told, bool_or(n.xp <> 0) as is_paid,
      bool_or(n.is_qualifying) as is_qualifying, n.properties @> '{"counts": false}' as is_uncounted,
      least(min(n.occurred_at), min(n.recorded_at)) as earliest,
      greatest(max(n.occurred_at), max(n.recorded_at)) as latest,
      array_agg(n.id) as ids, array_agg(n.occurred_at) as times, array_agg(n.xp) as amounts,
      array_agg(n.properties) as properties,
      bool_and(jsonb_typeof(n.properties) = 'object'
        and (n.subject_type is null) = (n.subject_id is null)) as is_well_formed
    from new_facts n
    group by n.user_id, n.activity_type, n.local_date, n.zone_number, n.properties @> '{"counts": false}'
    order by n.user_id, min(n.id)
  loop
    v_new := '{}'::learn_internal.win[];
    v_run := '{}'::learn_internal.run_event[];
    -- 1. What the type says.
    if g.activity_type is distinct from v_key then
      select t.*, array(
        select f from learn_internal.metric_feeds f where f.activity_type = t.key) as feeds
      into v_type
      from learn.activity_types t
      where t.key = g.activity_type;
      v_key := v_type.key;
      v_pays := v_pays || jsonb_build_object(g.activity_type, v_type.pays);
    end if;
    if v_key is null then
      raise exception 'unknown activity type'
        using errcode = 'LX001', detail = coalesce(g.activity_type, 'null'),
          hint = 'Add it to learn.activity_types first.';
    elsif not g.is_well_formed then
      raise exception 'a fact is malformed'
        using errcode = 'LX001', detail = (
          select format('properties = %s, subject_type = %L, subject_id = %L',
            n.properties, n.subject_type, n.subject_id)
          from new_facts n
          where jsonb_typeof(n.properties) <> 'object'
            or (n.subject_type is null) <> (n.subject_id is null)
          limit 1),
          hint = 'Properties are a JSON object; a subject has both a type and an id.';
    end if;
    if g.latest > now() or g.earliest < '1970-01-01 00:00:00+00' then  -- or the clock is set ahead
      perform learn_internal.require_possible_time('occurred_at', g.earliest);
      perform learn_internal.require_possible_time('occurred_at or recorded_at', g.latest);
    end if;
    v_at := case when g.user_id = v_user_id then greatest(v_at, g.latest) else g.latest end;
    v_user_id := g.user_id;
    v_xp := g.xp + (g.facts - g.told) * coalesce(v_type.pays, 0);
    v_has_xp := v_has_xp or g.is_paid or v_type.pays <> 0 and g.told < g.facts;
    v_notifies := v_notifies or v_type.notifies;

    -- 2. Lock the learner, and pay: what the facts carry, else what the rule says.
    if v_type.is_capped then
      if v_capped is null then
        -- For all facts of the statement, in their order: what the cap leaves of today, by the clock
        perform from learn.user_stats s
        where s.user_id in (select n.user_id from new_facts n)
        order by s.user_id for no key update;
        select jsonb_object_agg(c.id, greatest(0, least(c.xp, c.daily_cap - c.paid - c.until + c.xp)))
        into v_capped
        from (
          select f.*, sum(f.xp) over w as until,
            sum(case when f.place = 1
              then learn_internal.paid_today(f.user_id, f.activity_type) end) over w as paid
          from (
            select n.id, n.user_id, n.activity_type, coalesce(n.xp, r.amount) as xp, r.daily_cap,
              row_number() over (partition by n.user_id, n.activity_type order by n.id) as place
            from new_facts n
            join learn.xp_rules r on r.activity_type = n.activity_type and r.daily_cap is not null
            where coalesce(n.xp, r.amount) > 0
          ) f
          window w as (partition by f.user_id, f.activity_type order by f.id)
        ) c;
      end if;
      select sum(coalesce((v_capped ->> i.id::text)::integer, i.xp, v_type.pays, 0)) into v_xp
      from unnest(g.ids, g.amounts) i(id, xp);
    end if;
    if v_xp = 0 then
      select * into v_stats from learn.user_stats s where s.user_id = g.user_id for no key update;
    else
      update learn.user_stats s set total_xp = s.total_xp + v_xp where s.user_id = g.user_id
      returning s as stats,
        -- a total that means a level or an achievement, or a level that an easier curve has given
        -- and that is yet to be announced
        s.current_level > s.highest_level or exists (
          select from learn_internal.xp_marks m
          where m.xp > least(s.total_xp - v_xp, s.total_xp)
            and m.xp <= greatest(s.total_xp - v_xp, s.total_xp)) as is_marked
      into v_paid;
      v_stats := v_paid.stats;
      v_gains := v_gains || (g.user_id, case when v_type.is_on_boards then 'xp' else 'no board' end,
        g.local_date, g.activity_type, v_xp)::learn_internal.gain;
      if not v_type.is_on_boards then
        update learn.user_stats s set reward_xp = s.reward_xp + v_xp where s.user_id = g.user_id;
      end if;
      -- 3. The level, and what the total earns
      if v_paid.is_marked then
        v_rise := learn_internal.move_level(v_stats, v_xp, v_at);
        v_new := v_rise.won;
        if v_rise.to_level > v_rise.from_level then
          v_rises := v_rises || v_rise;
        end if;
      end if;
    end if;

    if g.is_qualifying
      and (v_stats.last_active_at is null or v_at >= v_stats.last_active_at + interval '5 minutes')
    then
      v_seen := v_seen || g.user_id;
      v_seen_at := v_seen_at || v_at;
    end if;

    -- 4. Another day than the last active one moves the streak.
    if g.is_qualifying and (g.local_date is distinct from v_stats.last_activity_date
        or g.zone_number <> v_stats.settled_zone)
    then
      v_new := v_new || learn_internal.open_day(v_stats, g.local_date, g.zone_number,
        (select min(t) from unnest(g.times) t), (select max(t) from unnest(g.times) t), v_at);
    end if;

    -- 5. Metrics count what happened.
    foreach v_feed in array v_type.feeds loop
      exit when g.is_uncounted;
      if g.facts = 1 then
        v_facts := case when g.properties[1] @> v_feed.filter then 1 else 0 end;
      else
        v_facts := (select count(*) from unnest(g.properties) p where p @> v_feed.filter);
      end if;
      if v_facts = 0 then
        continue;
      elsif v_feed.aggregate = 'run' then
        v_run := v_run
          || learn_internal.run_events(g.user_id, v_feed, g.ids, g.properties, g.times);
      elsif v_feed.aggregate <> 'count' or v_feed.scope_property is not null then
        v_new := v_new || learn_internal.feed_metric(
          g.user_id, v_feed, g.properties, g.local_date, v_at);
      else
        v_new := v_new
          || learn_internal.add_to_metric(g.user_id, v_feed.metric, '', v_facts, v_at);
        if v_feed.is_board then
          v_gains := v_gains
            || (g.user_id, v_feed.metric, g.local_date, null, v_facts)::learn_internal.gain;
        end if;
      end if;
    end loop;
    if v_type.feeds_days and not g.is_uncounted then
      v_new := v_new || learn_internal.count_days(
        g.user_id, g.activity_type, g.local_date, g.properties, v_at);
    end if;
    if v_type.resets_runs and not g.is_uncounted then
      v_run := v_run
        || learn_internal.run_ends(g.user_id, g.activity_type, g.ids, g.properties, g.times);
    end if;
    -- one by one, which costs the same however many there are: joining arrays copies them
    foreach v_win in array v_new loop
      v_won := v_won || v_win;
    end loop;
    for v_i in 1 .. cardinality(v_run) loop
      v_events := v_events || v_run[v_i];
    end loop;
  end loop;
  if v_user_id is null then
    -- statement triggers fire for zero rows too: without this they would call each other for ever
    return null;
  end if;
  if cardinality(v_events) > 0 then
    v_won := v_won || learn_internal.advance_runs(v_events);
  end if;

  -- 6. The ledger
  if v_has_xp then
    insert into learn.xp_transactions
      (user_id, amount, activity_type, source_type, source_id, description, earned_on, created_at)
    select p.user_id, p.amount, p.activity_type,
      case when p.is_told then p.properties ->> 'source_type' else p.activity_type end,
      case when p.is_told then p.properties ->> 'source_id' else p.subject_id end,
      case when p.is_told then p.properties ->> 'description' end,
      p.local_date, p.recorded_at
    from (
      select n.*,
        -- its caller names the source
        n.activity_type in ('xp_awarded', 'xp_reversed', 'period_rewarded', 'period_reward_reversed')
          as is_told,
        coalesce((v_capped ->> n.id::text)::integer, n.xp,
          (v_pays ->> n.activity_type)::integer) as amount
      from new_facts n
    ) p
    where p.amount <> 0;
  end if;
  if cardinality(v_gains) > 0 then
    insert into learn_internal.board_gains (user_id, metric, local_date, activity_type, amount)
    select b.user_id, b.metric, b.local_date, b.activity_type, b.amount from unnest(v_gains) b;
    -- refresh_leaderboard() folds them into the boards, and a load when it commits; no learner's call does.
    if cardinality(v_gains) >= 100 then
      perform learn_internal.request_fold();
    end if;
  end if;

  if cardinality(v_seen) > 0 then
    perform learn_internal.note_seen(v_seen, v_seen_at);
  end if;

  -- 7. Users are told of what rules name.
  if v_notifies then
    perform learn_internal.notify_facts(array_agg(
      (n.user_id, n.id, n.activity_type, n.subject_type, n.subject_id,
        n.properties)::learn_internal.notice order by n.id))
    from new_facts n
    join learn.activity_types t on t.key = n.activity_type and t.notifies;
  end if;

  -- 8. What was reached is a fact too.
  if cardinality(v_rises) > 0 then
    perform learn_internal.announce_levels(v_rises);
  end if;
  if cardinality(v_won) > 0 then
    perform learn_internal.earn_achievements(v_won);
  end if;
  return null;
end;
$$;
comment on function learn_internal.process_activities() is
  'The engine, a statement trigger: facts move streaks, pay XP, count in metrics '
  'and earn achievements.';

create or replace trigger process_activities
  after insert on learn.activity_log
  referencing new table as new_facts
  for each statement
  execute function learn_internal.process_activities();
