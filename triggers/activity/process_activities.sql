-- When facts are written: the engine. Everything that a fact causes happens here, in this order,
-- for one fact or for a million: lock, streak, XP and level, metrics, achievements.
-- Earned achievements and new levels are facts too: they are written to the log and come through
-- here again, until nothing is new.
--
-- Costs do not depend on a user's history: counters are incremented, thresholds found by index.
-- Statements are small and the rare ones conditional, because for a single fact preparing a plan
-- to run costs more than running it.
-- Errors: LX001 a fact of an unknown activity type.
create or replace function learn_internal.process_activities()
returns trigger
language plpgsql
volatile
security definer                  -- a writer of facts need not be a writer of rewards
set search_path = ''
set plan_cache_mode = force_generic_plan  -- plans by key, made once: see docs/engine.md
set enable_seqscan = off
set enable_mergejoin = off
set enable_hashjoin = off
set jit = off
as $$
declare
  v_user_ids      uuid[];
  v_last_at       timestamptz[];       -- per user: when the latest of these facts occurred
  -- what some of these facts cause, so that the rest is left out:
  v_is_unknown    boolean;
  v_is_qualifying boolean;
  v_pays          boolean;
  v_is_capped     boolean;
  v_feeds_metrics boolean;
  v_feeds_days    boolean;
  v_resets_runs   boolean;
  v_notifies      boolean;
  v_capped        jsonb;               -- what facts within a cap for the day pay, by their ids
  v_level         integer[];           -- per user, before these facts
  v_streak        integer[];
  v_active_days   integer[];
  v_day_user_ids  uuid[];
  v_days          date[];
  v_is_new_level  boolean;
  v_winners       uuid[];              -- thresholds crossed: who, which achievement, and by what
  v_won           bigint[];
  v_evidence      jsonb[];
  v_earned_at     jsonb;               -- last_at by user
begin
  perform from new_facts limit 1;
  if not found then
    -- statement triggers fire for zero rows too: without this they would call each other for ever
    return null;
  end if;
  perform learn_internal.hold_content();

  select array_agg(f.user_id), array_agg(f.last_at), bool_or(f.is_qualifying), bool_or(f.pays),
    bool_or(f.is_capped), bool_or(f.feeds_metrics), bool_or(f.feeds_days), bool_or(f.resets_runs),
    bool_or(f.notifies), bool_or(f.is_unknown)
  into v_user_ids, v_last_at, v_is_qualifying, v_pays, v_is_capped,
    v_feeds_metrics, v_feeds_days, v_resets_runs, v_notifies, v_is_unknown
  from (
    select n.user_id, max(n.occurred_at) as last_at, bool_or(n.is_qualifying) as is_qualifying,
      bool_or(coalesce(n.xp <> 0, t.pays)) as pays, bool_or(t.is_capped) as is_capped,
      bool_or(t.feeds_metrics) as feeds_metrics, bool_or(t.feeds_days) as feeds_days,
      bool_or(t.resets_runs) as resets_runs, bool_or(t.notifies) as notifies,
      bool_or(t.key is null) as is_unknown
    from new_facts n
    left join learn.activity_types t on t.key = n.activity_type
    group by n.user_id
    order by n.user_id
  ) f;
  if v_is_unknown then
    raise exception 'unknown activity type'
      using errcode = 'LX001', detail = (
        select string_agg(distinct n.activity_type, ', ')
        from new_facts n
        where not exists (select from learn.activity_types t where t.key = n.activity_type)),
        hint = 'Add it to learn.activity_types first.';
  end if;

  -- 1. Lock the users' stats rows in key order, before anything else of theirs is read.
  select array_agg(s.highest_level), array_agg(s.longest_streak), array_agg(s.active_days)
  into v_level, v_streak, v_active_days
  from (
    select * from learn.user_stats l where l.user_id = any (v_user_ids)
    order by l.user_id for no key update
  ) s;

  -- 2. Local active days move the streak.
  if v_is_qualifying then
    select array_agg(d.user_id order by d.first_id), array_agg(d.local_date order by d.first_id)
    into v_day_user_ids, v_days
    from (
      select n.user_id, n.local_date, min(n.id) as first_id
      from new_facts n
      where n.is_qualifying
      group by n.user_id, n.local_date
    ) d
    where not exists (
      select from learn.user_activity_days a
      where a.user_id = d.user_id and a.activity_date = d.local_date and not a.is_freeze);
    if v_days is not null then
      perform learn_internal.advance_streaks(v_day_user_ids, v_days, learn.clock());
    end if;
  end if;

  -- 3. XP into the ledger: what the fact carries, else what the rule pays.
  -- 4. The total and the level follow.
  if v_is_capped then
    -- Within a cap: less what the same type has paid this user for the same day,
    -- in the ledger and before in this statement. Ledger rows of a day are never older than it,
    -- which leaves older partitions alone.
    select jsonb_object_agg(c.id, greatest(0, least(c.amount, c.daily_cap - c.earlier - c.before)))
    into v_capped
    from (
      select n.id, coalesce(n.xp, r.amount) as amount, r.daily_cap,
        sum(coalesce(n.xp, r.amount)) over (
          partition by n.user_id, n.activity_type, n.local_date
          order by n.id) - coalesce(n.xp, r.amount) as earlier,
        (
          select coalesce(sum(t.amount), 0)
          from learn.xp_transactions t
          where t.user_id = n.user_id and t.earned_on = n.local_date
            and t.activity_type = n.activity_type
            and t.amount > 0 and t.created_at >= n.local_date - interval '2 days'
        ) as before
      from new_facts n
      join learn.xp_rules r on r.activity_type = n.activity_type
      where r.daily_cap is not null and coalesce(n.xp, r.amount) > 0
    ) c;
  end if;

  if v_pays then
    with paid as (
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
          n.activity_type in ('xp_awarded', 'xp_reversed') as is_told,
          coalesce((v_capped ->> n.id::text)::integer, n.xp, r.amount) as amount
        from new_facts n
        left join learn.xp_rules r on r.activity_type = n.activity_type
      ) p
      where p.amount <> 0
      returning user_id, amount
    ), credited as (
      update learn.user_stats s
      set total_xp = o.total_xp + g.amount,
        current_level = l.level,
        highest_level = greatest(o.highest_level, l.level)
      from (select p.user_id, sum(p.amount)::bigint as amount from paid p group by p.user_id) g
      join learn.user_stats o on o.user_id = g.user_id
      cross join lateral (
        select coalesce((
          select t.level from learn.level_thresholds t
          where t.min_xp <= o.total_xp + g.amount
          order by t.min_xp desc
          limit 1), 1) as level
      ) l
      where s.user_id = g.user_id
      returning s.user_id, o.total_xp as old_xp, s.total_xp as new_xp, o.highest_level as old_level,
        s.highest_level as new_level
    )
    select bool_or(c.new_level > c.old_level),
      array_agg(c.user_id) filter (where t.metric is not null),
      array_agg(t.achievement_id) filter (where t.metric is not null),
      array_agg(jsonb_build_object('metric', t.metric, 'scope', '', 'value', case t.metric
        when 'xp' then c.new_xp else c.new_level end)) filter (where t.metric is not null)
    into v_is_new_level, v_winners, v_won, v_evidence
    from credited c
    left join learn_internal.achievement_thresholds t
      on t.scope = '' and (
        t.metric = 'xp' and t.threshold > c.old_xp and t.threshold <= c.new_xp
        or t.metric = 'level_reached' and t.threshold > c.old_level and t.threshold <= c.new_level);
  end if;

  -- 5. Metrics count what happened.
  -- 6. The achievements whose thresholds that crosses are found by index.
  if v_feeds_metrics then
    with changed as (
      select t.user_id, t.metric, t.scope, o.value as old_value,
        case when t.aggregate = 'max' then greatest(o.value, t.greatest_amount)
          else o.value + t.total end as new_value
      from (
        select f.user_id, f.metric, f.scope, f.aggregate, sum(f.amount)::bigint as total,
          max(f.amount) as greatest_amount
        from (
          select n.user_id, m.key as metric, m.aggregate, s.scope,
            case when m.property is null then 1
              else learn_internal.number_property(n.properties, m.property) end as amount
          from new_facts n
          join learn.metrics m on m.activity_type = n.activity_type
          cross join lateral (
            select ''
            union all
            select n.properties ->> m.scope_property
            where n.properties ->> m.scope_property <> ''
          ) s(scope)
          where n.properties @> m.filter
            and (m.aggregate in ('count', 'sum', 'max')
              or m.aggregate = 'run' and not v_resets_runs)
        ) f
        where f.amount is not null
        group by f.user_id, f.metric, f.scope, f.aggregate
      ) t
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = t.user_id and u.metric = t.metric and u.scope = t.scope), 0) as value
      ) o
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value
      from changed c
      where c.new_value <> c.old_value
      on conflict (user_id, metric, scope) do update set value = excluded.value
    )
    select v_winners || array_agg(c.user_id), v_won || array_agg(t.achievement_id),
      v_evidence
        || array_agg(jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.new_value))
    into v_winners, v_won, v_evidence
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope and t.threshold > c.old_value
        and t.threshold <= c.new_value;
  end if;

  if v_feeds_days then
    with new_days as (
      insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
      select distinct n.user_id, m.key, s.scope, n.local_date
      from new_facts n
      join learn.metrics m on m.activity_type = n.activity_type and m.aggregate = 'distinct_days'
        and n.properties @> m.filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
      on conflict do nothing
      returning user_id, metric, scope
    ), changed as (
      select d.user_id, d.metric, d.scope, o.value as old_value, o.value + d.added as new_value
      from (
        select n.user_id, n.metric, n.scope, count(*) as added
        from new_days n
        group by n.user_id, n.metric, n.scope
      ) d
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = d.user_id and u.metric = d.metric and u.scope = d.scope), 0) as value
      ) o
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value from changed c
      on conflict (user_id, metric, scope) do update set value = excluded.value
    )
    select v_winners || array_agg(c.user_id), v_won || array_agg(t.achievement_id),
      v_evidence
        || array_agg(jsonb_build_object(
          'metric', c.metric, 'scope', c.scope, 'value', c.new_value))
    into v_winners, v_won, v_evidence
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope
        and t.threshold > c.old_value and t.threshold <= c.new_value;
  end if;

  if v_resets_runs then
    with events as (
      select n.user_id, m.key as metric, s.scope, n.id, false as is_reset
      from new_facts n
      join learn.metrics m on m.activity_type = n.activity_type
        and m.aggregate = 'run' and n.properties @> m.filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
      union all
      select n.user_id, m.key, s.scope, n.id, true
      from new_facts n
      join learn.metrics m on m.reset_activity_type = n.activity_type
        and n.properties @> m.reset_filter
      cross join lateral learn_internal.metric_scopes(n.properties, m.scope_property) s(scope)
    ), runs as (
      -- Run 0 goes on from before this statement, each reset starts another;
      -- the last one is the value that stays.
      select e.user_id, e.metric, e.scope, e.run, count(*) filter (where not e.is_reset) as length,
        e.run = max(e.run) over (partition by e.user_id, e.metric, e.scope) as is_last
      from (
        select v.*, count(*) filter (where v.is_reset) over (
          partition by v.user_id, v.metric, v.scope
          order by v.id, v.is_reset desc rows unbounded preceding) as run
        from events v
      ) e
      group by e.user_id, e.metric, e.scope, e.run
    ), changed as (
      select r.user_id, r.metric, r.scope, o.value as old_value,
        coalesce(
          sum(r.length) filter (where r.is_last and r.run > 0),
          o.value + sum(r.length) filter (where r.run = 0)) as new_value,
        greatest(
          o.value + coalesce(sum(r.length) filter (where r.run = 0), 0),
          max(r.length) filter (where r.run > 0)) as peak
      from runs r
      cross join lateral (
        select coalesce((
          select u.value from learn.user_metrics u
          where u.user_id = r.user_id and u.metric = r.metric and u.scope = r.scope), 0) as value
      ) o
      group by r.user_id, r.metric, r.scope, o.value
    ), saved as (
      insert into learn.user_metrics (user_id, metric, scope, value)
      select c.user_id, c.metric, c.scope, c.new_value
      from changed c
      where c.new_value <> c.old_value
      on conflict (user_id, metric, scope) do update set value = excluded.value
    )
    select v_winners || array_agg(c.user_id), v_won || array_agg(t.achievement_id),
      v_evidence
        || array_agg(jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.peak))
    into v_winners, v_won, v_evidence
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope
        and t.threshold > c.old_value and t.threshold <= c.peak;
  end if;

  if v_days is not null then
    select v_winners || array_agg(s.user_id), v_won || array_agg(t.achievement_id),
      v_evidence
        || array_agg(jsonb_build_object('metric', v.metric, 'scope', '', 'value', v.new_value))
    into v_winners, v_won, v_evidence
    from unnest(v_user_ids, v_streak, v_active_days) b(user_id, streak, active_days)
    join learn.user_stats s on s.user_id = b.user_id
    cross join lateral (
      values
        ('current_streak', b.streak, s.longest_streak),
        ('active_days', b.active_days, s.active_days)
    ) v(metric, old_value, new_value)
    join learn_internal.achievement_thresholds t
      on t.metric = v.metric and t.scope = '' and t.threshold > v.old_value
        and t.threshold <= v.new_value;
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
  if v_is_new_level then
    insert into learn.activity_log
      (user_id, activity_type, subject_type, subject_id, properties,
       occurred_at, local_date, is_qualifying)
    select b.user_id, t.key, 'level', l.level::text, jsonb_build_object('level', l.level),
      b.last_at, (b.last_at at time zone u.timezone)::date, t.is_qualifying
    from unnest(v_user_ids, v_last_at, v_level) b(user_id, last_at, level)
    join learn.user_stats s on s.user_id = b.user_id
    join learn.users u on u.id = b.user_id
    join learn.activity_types t on t.key = 'level_reached'
    cross join lateral generate_series(b.level + 1, s.highest_level) l(level)
    order by b.user_id, l.level;
  end if;

  if v_won is not null then
    select jsonb_object_agg(b.user_id, b.last_at) into v_earned_at
    from unnest(v_user_ids, v_last_at) b(user_id, last_at);

    insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
    select w.user_id, w.achievement_id, (v_earned_at ->> w.user_id::text)::timestamptz, w.evidence
    from unnest(v_winners, v_won, v_evidence) w(user_id, achievement_id, evidence)
    join learn.achievements a on a.id = w.achievement_id
    where (a.criteria ? 'metric' or learn_internal.satisfies_criteria(w.user_id, a.criteria))
      and not exists (
        select from learn.revoked_achievements r
        where r.user_id = w.user_id and r.achievement_id = w.achievement_id)
    order by w.user_id, a.display_order, w.achievement_id
    on conflict (user_id, achievement_id) do nothing;
  end if;
  return null;
end;
$$;
comment on function learn_internal.process_activities() is
  'The engine, a statement trigger: facts move streaks, pay XP, count in metrics '
  'and earn achievements.';
revoke all on function learn_internal.process_activities() from public;

create or replace trigger process_activities
  after insert on learn.activity_log
  referencing new table as new_facts
  for each statement
  execute function learn_internal.process_activities();
comment on trigger process_activities on learn.activity_log is
  'The engine: streaks, XP, levels, metrics, achievements.';
