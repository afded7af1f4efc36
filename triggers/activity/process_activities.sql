-- When facts are written: the engine. Everything that a fact causes happens here, in this order: lock, XP and level,
-- streak, metrics, achievements. Earned achievements and new levels are facts too: they come through here again, until
-- nothing is new. It goes by groups of facts that came in together: of one learner, type and day, and whether they
-- count in metrics; a load is many, in the order of the learners' keys. Each step is a simple statement by key: to start
-- a plan of many parts costs more than all that it does for one fact. What is rare has a function of its own. Costs do
-- not depend on a learner's history: counters are incremented, thresholds found by index.
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
  v_groups      refcursor;
  g             record;                           -- a group of facts
  v_key         text;                             -- its type
  v_type        record;                           -- what that says
  v_feed        learn_internal.metric_feeds;
  v_user_id     uuid;
  v_at          timestamptz;                      -- when the user's latest fact came in, or later
  v_stats       learn.user_stats;
  v_paid        record;
  v_xp          bigint;
  v_facts       integer;
  v_gains       learn_internal.gain[];            -- what boards are to count
  v_pays        jsonb := '{}'::jsonb;             -- what types pay, by their keys
  v_has_xp      boolean := false;
  v_is_one      boolean;                          -- one fact, and no more
  v_is_turn     boolean;                          -- to look whether too much waits
  v_capped      jsonb;                            -- what facts pay within a cap, by their ids
  v_rise        learn_internal.rise;
  v_rises       learn_internal.rise[];            -- new levels
  v_new         learn_internal.win[];             -- thresholds that this group has crossed
  v_won         learn_internal.win[];             -- thresholds crossed
  v_run         learn_internal.run_event[];       -- what this group does to runs
  v_events      learn_internal.run_event[];
  v_day         learn_internal.opened_day;
  v_days        learn_internal.opened_day[];
  v_terms       learn_internal.day_terms;         -- what days mean
  v_notifies    boolean := false;
  v_seen        uuid[]; v_seen_at timestamptz[];  -- users who were not seen for five minutes
begin
  perform from new_facts offset 1;
  v_is_one := not found;
  if v_is_one then  -- mostly: to start aggregates costs several times as much as this look
    open v_groups for
    select n.user_id, n.activity_type, n.local_date, n.zone_number, n.is_qualifying, n.recorded_at,
      n.properties @> '{"counts": false}' as is_uncounted, 1 as facts,
      coalesce(n.xp, 0)::bigint as xp, (n.xp is not null)::integer as told,
      n.occurred_at as first_at, n.occurred_at as last_at, array[n.id] as ids,
      array[n.occurred_at] as times, array[n.properties::jsonb] as properties,
      jsonb_typeof(n.properties) = 'object' and (n.subject_type is null) = (n.subject_id is null) as is_well_formed
    from new_facts n;
  else
    open v_groups for
    select n.user_id, n.activity_type, n.local_date, n.zone_number, n.is_qualifying, n.recorded_at,
      n.properties @> '{"counts": false}' as is_uncounted, count(*)::integer as facts,
      coalesce(sum(n.xp), 0) as xp, count(n.xp)::integer as told,
      min(n.occurred_at) as first_at, max(n.occurred_at) as last_at, array_agg(n.id) as ids,
      array_agg(n.occurred_at) as times, array_agg(n.properties::jsonb) as properties,
      bool_and(jsonb_typeof(n.properties) = 'object'
        and (n.subject_type is null) = (n.subject_id is null)) as is_well_formed
    from new_facts n
    group by n.user_id, n.activity_type, n.local_date, n.zone_number, n.is_qualifying, n.recorded_at,
      n.properties @> '{"counts": false}'
    order by n.user_id, min(n.id);
  end if;
  loop
    fetch v_groups into g;
    exit when not found;
    v_new := null; v_run := null;
    -- 1. What the type says.
    if g.activity_type is distinct from v_key then
      select t.key, t.pays, t.is_capped, t.is_on_boards, t.feeds_days, t.resets_runs, t.notifies, array(
        select f from learn_internal.metric_feeds f where f.activity_type = t.key) as feeds
      into v_type from learn.activity_types t where t.key = g.activity_type;
      v_key := v_type.key;
      v_pays := v_pays || jsonb_build_object(g.activity_type, v_type.pays);
      v_notifies := v_notifies or v_type.notifies;
    end if;
    if v_key is null or not g.is_well_formed
      or greatest(g.last_at, g.recorded_at) > now()  -- or the clock is set ahead
      or least(g.first_at, g.recorded_at) < '1970-01-01 00:00:00+00'
      or g.local_date > (g.first_at at time zone 'UTC')::date + 1
      or g.local_date < (g.last_at at time zone 'UTC')::date - 1
    then
      perform learn_internal.require_sound_facts(v_key is not null, g.activity_type, g.is_qualifying,
        g.local_date, g.recorded_at, g.first_at, g.last_at, case when not g.is_well_formed then (
          select max(format('properties = %s, subject_type = %L, subject_id = %L',
            n.properties, n.subject_type, n.subject_id)) from new_facts n where n.id = any (g.ids)) end);
    end if;
    v_is_turn := hashint8(g.ids[1]) % 8 = 0;  -- ids of a shard count in steps
    v_xp := g.xp + (g.facts - g.told)::bigint * coalesce(v_type.pays, 0);
    v_has_xp := v_has_xp or v_xp <> 0 or g.told > 0 and g.facts > 1;  -- which may add up to nothing

    -- 2. Lock the learner, and pay: what the facts carry, else what the rule says.
    if v_type.is_capped then
      if v_capped is null then
        select learn_internal.paid_today_within_caps(
          array_agg(n.id), array_agg(n.user_id), array_agg(n.activity_type::text), array_agg(n.xp))
        into v_capped from new_facts n;
      end if;
      select sum(coalesce((v_capped ->> n.id::text)::integer, n.xp, v_type.pays, 0)) into v_xp
      from new_facts n where n.id = any (g.ids);
    end if;
    continue when v_xp = 0 and not g.is_qualifying and cardinality(v_type.feeds) = 0
      and not v_type.feeds_days and not v_type.resets_runs;  -- such as new levels, which are at most reported
    v_at := greatest(g.last_at, g.recorded_at, case when g.user_id = v_user_id then v_at end);
    v_user_id := g.user_id;
    if v_xp = 0 then
      select * into v_stats from learn.user_stats s where s.user_id = g.user_id for no key update;
    else
      update learn.user_stats s set total_xp = s.total_xp + v_xp where s.user_id = g.user_id
      returning s as stats,
        -- a total that means a level or an achievement, or a level of an easier curve that is yet to be announced
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
      if v_paid.is_marked then  -- 3. The level, and what the total earns
        v_rise := learn_internal.move_level(v_stats, v_xp, v_at);
        v_new := v_rise.won;
        if v_rise.to_level > v_rise.from_level then
          v_rises := v_rises || v_rise;
        end if;
      end if;
    end if;

    -- 4. Another day than the last active one moves the streak.
    if g.is_qualifying then
      if v_stats.last_active_at is null or v_at >= v_stats.last_active_at + interval '5 minutes' then
        v_seen := v_seen || g.user_id;
        v_seen_at := v_seen_at || v_at;
      end if;
      if g.local_date is distinct from v_stats.last_activity_date or g.zone_number <> v_stats.settled_zone then
        v_terms := coalesce(v_terms, learn_internal.day_terms());
        v_day := learn_internal.open_day(v_stats, g.local_date, g.zone_number, g.first_at, g.last_at, v_at, v_terms);
        v_days := v_days || v_day;
        v_new := v_new || v_day.won;
        for v_i in 1 .. coalesce(cardinality(v_day.gains), 0) loop
          v_gains := v_gains || v_day.gains[v_i];
        end loop;
      end if;
    end if;

    -- 5. Metrics count what happened.
    if not g.is_uncounted then
      foreach v_feed in array v_type.feeds loop
        v_facts := case when v_feed.filter = '{}' then g.facts
          when not v_feed.filter <@ any (g.properties) then 0 when g.facts = 1 then 1 end;
        if v_facts is null then
          v_facts := (select count(*) from unnest(g.properties) p where p @> v_feed.filter);
        end if;
        continue when v_facts = 0;
        if v_feed.aggregate = 'run' then
          v_run := v_run || learn_internal.run_events(g.user_id, v_feed, g.ids, g.properties, g.times);
        elsif v_feed.aggregate <> 'count' or v_feed.scope_property is not null then
          v_new := v_new || learn_internal.feed_metric(g.user_id, v_feed, g.properties, g.local_date, v_at);
        else
          v_new := v_new || learn_internal.add_to_metric(g.user_id, v_feed.metric, '', v_facts, v_at);
          if v_feed.is_board then
            v_gains := v_gains || (g.user_id, v_feed.metric, g.local_date, null, v_facts)::learn_internal.gain;
          end if;
        end if;
      end loop;
      if v_type.feeds_days then
        v_new := v_new || learn_internal.count_days(
          g.user_id, g.activity_type, g.local_date, g.zone_number, g.properties, v_at);
      end if;
      if v_type.resets_runs then
        v_run := v_run || learn_internal.run_ends(g.user_id, g.activity_type, g.ids, g.properties, g.times);
      end if;
    end if;
    -- one by one, which costs the same however many there are: joining arrays copies them
    for v_i in 1 .. coalesce(cardinality(v_new), 0) loop
      v_won := v_won || v_new[v_i];
    end loop;
    for v_i in 1 .. coalesce(cardinality(v_run), 0) loop
      v_events := v_events || v_run[v_i];
    end loop;
  end loop;
  close v_groups;  -- for zero rows, for which triggers fire too, nothing below finds anything to do
  if v_events is not null then
    v_won := v_won || learn_internal.advance_runs(v_events);
  end if;

  -- 6. The ledger
  if v_has_xp then
    insert into learn.xp_transactions
      (user_id, amount, activity_type, source_type, source_id, description, earned_on, created_at)
    select p.user_id, p.amount, p.activity_type, coalesce(p.told ->> 'source_type', p.activity_type),
      case when p.told is null then p.subject_id else p.told ->> 'source_id' end,
      p.told ->> 'description', p.local_date, p.recorded_at
    from (
      select n.*,
        case when n.activity_type in ('xp_awarded', 'xp_reversed', 'period_rewarded', 'period_reward_reversed')
          then n.properties end as told,  -- its caller names the source
        coalesce((v_capped ->> n.id::text)::integer, n.xp, (v_pays ->> n.activity_type)::integer) as amount
      from new_facts n
    ) p where p.amount <> 0;
  end if;
  if v_gains is not null then
    insert into learn_internal.board_gains (user_id, metric, local_date, activity_type, amount)
    select b.user_id, b.metric, b.local_date, b.activity_type, b.amount from unnest(v_gains) b;
  end if;
  -- refresh_leaderboard() merges them into the boards, and a load when it commits; where far too many wait, so does a
  -- call, one fact in eight, but a few only.
  if cardinality(v_gains) >= 100 then
    perform learn_internal.request_merge(null);
  elsif v_is_turn then
    perform learn_internal.limit_waiting();
  end if;
  if v_days is not null then
    perform learn_internal.tally_days(v_days);
  end if;

  -- 7. Users were seen, and are told of what rules name.
  if v_seen is not null then
    perform learn_internal.note_seen(v_seen, v_seen_at);
  end if;
  if v_notifies and v_is_one then
    perform learn_internal.notify_facts(array[(n.user_id, n.id, n.activity_type, n.subject_type, n.subject_id,
      n.properties)::learn_internal.notice]) from new_facts n;
  elsif v_notifies then
    perform learn_internal.notify_facts(array_agg(
      (n.user_id, n.id, n.activity_type, n.subject_type, n.subject_id, n.properties)::learn_internal.notice
      order by n.id))
    from new_facts n join learn.activity_types t on t.key = n.activity_type and t.notifies;
  end if;

  -- 8. What was reached is a fact too.
  if v_rises is not null then
    perform learn_internal.announce_levels(v_rises);
  end if;
  if cardinality(v_won) > 0 then
    perform learn_internal.earn_achievements(v_won);
  end if;
  return null;
end;
$$;
comment on function learn_internal.process_activities() is
  'The engine, a statement trigger: facts move streaks, pay XP, count in metrics and earn achievements.';

create or replace trigger process_activities
  after insert on learn.activity_log referencing new table as new_facts
  for each statement execute function learn_internal.process_activities();
