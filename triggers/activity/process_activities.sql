-- When facts are written: the engine. Everything that a fact causes happens here, in this order,
-- for one fact or for a million: lock, streak, XP and level, metrics, achievements.
-- Earned achievements and new levels are facts too: they are written to the log and come through
-- here again, until nothing is new.
--
-- Costs do not depend on a user's history: counters are incremented, thresholds found by index.
-- Statements are small and the rare ones conditional, because for a single fact preparing a plan
-- to run costs more than running it.
-- Errors: LX001 a fact of an unknown activity type, or one that is malformed.
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
  v_gains         learn_internal.gain[];  -- per user: the XP of these facts
  v_user_ids      uuid[];              -- the same users; where it is needed
  -- what some of these facts cause, so that the rest is left out:
  v_causes        integer;             -- bits, see below
  v_is_capped     boolean := false;
  v_feeds_days    boolean := false;
  v_resets_runs   boolean := false;
  v_notifies      boolean := false;
  v_unknown       text;
  v_is_malformed  boolean;
  v_capped        jsonb;               -- what facts within a cap for the day pay, by their ids
  v_level         integer[];           -- per user, before these facts
  v_streak        integer[];
  v_active_days   integer[];
  v_day_user_ids  uuid[];
  v_days          date[];
  v_is_new_level  boolean;
  v_won           learn_internal.win[];  -- thresholds crossed
  v_earned_at     jsonb;               -- by user: when the latest of these facts occurred
begin
  -- Content is held as hold_content() does it, without the price of a call.
  lock table learn_internal.content_lock in row share mode;
  if current_setting('transaction_isolation') <> 'read committed' then
    perform learn_internal.hold_content();
  end if;

  -- 1. Lock the users' stats rows in key order, before anything else of theirs is read.
  -- The same statement tells what there is to do, from these rows and from what types can cause:
  -- 1 XP, 2 metrics, 4 what is rare (see below), 8 another day than the last active one,
  -- 16 a total of XP that means a level or an achievement, or a level that an easier curve has given
  -- and that is yet to be announced. Bits, since each aggregate has its price.
  select array_agg((f.user_id, f.xp)::learn_internal.gain), bit_or(f.causes
    | case when f.first_day < f.last_day or f.last_day <> f.last_activity_date
        or f.last_activity_date is null and f.last_day is not null then 8 else 0 end
    | case when f.xp <> 0 and (f.current_level > f.highest_level or exists (
        select from learn_internal.xp_marks m
        where m.xp > least(f.total_xp, f.total_xp + f.xp)
          and m.xp <= greatest(f.total_xp, f.total_xp + f.xp))) then 16 else 0 end)
  into v_gains, v_causes
  from (
    select c.*, s.total_xp, s.current_level, s.highest_level, s.last_activity_date
    from (
      select n.user_id, sum(coalesce(n.xp, t.pays)) as xp,
        min(n.local_date) filter (where n.is_qualifying) as first_day,
        max(n.local_date) filter (where n.is_qualifying) as last_day,
        bit_or(case when coalesce(n.xp, t.pays) <> 0 then 1 else 0 end
          | case when t.feeds_metrics then 2 else 0 end
          | case when t.key is null or t.is_capped or t.feeds_days or t.resets_runs or t.notifies
              or jsonb_typeof(n.properties) <> 'object'
              or (n.subject_type is null) <> (n.subject_id is null) then 4 else 0 end) as causes
      from new_facts n
      left join learn.activity_types t on t.key = n.activity_type
      group by n.user_id
      order by n.user_id
    ) c
    cross join lateral (
      select * from learn.user_stats l where l.user_id = c.user_id for no key update
    ) s
  ) f;
  if v_gains is null then
    -- statement triggers fire for zero rows too: without this they would call each other for ever
    return null;
  end if;
  if v_causes & 4 <> 0 then
    select bool_or(t.is_capped), bool_or(t.feeds_days), bool_or(t.resets_runs), bool_or(t.notifies),
      string_agg(distinct n.activity_type, ', ') filter (where t.key is null),
      bool_or(jsonb_typeof(n.properties) <> 'object'
        or (n.subject_type is null) <> (n.subject_id is null))
    into v_is_capped, v_feeds_days, v_resets_runs, v_notifies, v_unknown, v_is_malformed
    from new_facts n
    left join learn.activity_types t on t.key = n.activity_type;
    if v_unknown is not null then
      raise exception 'unknown activity type'
        using errcode = 'LX001', detail = v_unknown,
          hint = 'Add it to learn.activity_types first.';
    elsif v_is_malformed then
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
  end if;

  if v_causes & 28 <> 0 then
    v_user_ids := array(select g.user_id from unnest(v_gains) g order by g.user_id);
  end if;

  -- 2. Local active days move the streak.
  if v_causes & 8 <> 0 then
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
      where a.user_id = d.user_id and a.activity_date = d.local_date and not a.is_freeze
      offset 0);
    if v_days is not null then
      select array_agg(s.longest_streak), array_agg(s.active_days) into v_streak, v_active_days
      from (
        select * from learn.user_stats l where l.user_id = any (v_user_ids) order by l.user_id
      ) s;
      perform learn_internal.advance_streaks(v_day_user_ids, v_days, learn.clock());
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select d.user_id, m.key, d.local_date, 1
      from learn.metrics m
      cross join unnest(v_day_user_ids, v_days) d(user_id, local_date)
      where m.key = 'active_days' and m.is_board;
    end if;
  end if;

  -- 3. XP into the ledger: what the fact carries, else what the rule pays.
  if v_is_capped then
    -- Within a cap: less what the same type has paid this user for the same day,
    -- in the ledger and before in this statement. Ledger rows of a day are never older than it,
    -- which leaves older partitions and rows alone.
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
    select array_agg((p.user_id, p.xp)::learn_internal.gain), v_causes | 16 into v_gains, v_causes
    from (
      select n.user_id,
        sum(coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays))::bigint as xp
      from new_facts n
      join learn.activity_types t on t.key = n.activity_type
      group by n.user_id
    ) p
    where p.user_id = any (v_user_ids);
  end if;

  if v_causes & 1 <> 0 then
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
        coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays) as amount
      from new_facts n
      join learn.activity_types t on t.key = n.activity_type
    ) p
    where p.amount <> 0;

    -- 4. The total and the level follow, and the achievements for these.
    if v_causes & 16 = 0 then
      update learn.user_stats s
      set total_xp = s.total_xp + g.xp
      from unnest(v_gains) g
      where s.user_id = any (array[g.user_id]) and g.xp <> 0;
    else
      select array_agg(s.highest_level) into v_level
      from (
        select * from learn.user_stats l where l.user_id = any (v_user_ids) order by l.user_id
      ) s;
      with credited as (
        update learn.user_stats s
        set total_xp = o.total_xp + g.xp,
          current_level = l.level,
          highest_level = greatest(o.highest_level, l.level)
        from unnest(v_gains) g
        join learn.user_stats o on o.user_id = any (array[g.user_id])
        cross join lateral (
          select coalesce((
            select t.level from learn.level_thresholds t
            where t.min_xp <= o.total_xp + g.xp
            order by t.min_xp desc
            limit 1), 1) as level
        ) l
        where s.user_id = any (array[g.user_id]) and g.xp <> 0
        returning s.user_id, o.total_xp as old_xp, s.total_xp as new_xp,
          o.highest_level as old_level, s.highest_level as new_level
      )
      select bool_or(c.new_level > c.old_level),
        array_agg((c.user_id, t.achievement_id, jsonb_build_object(
          'metric', t.metric, 'scope', '', 'value', case t.metric when 'xp' then c.new_xp
            else c.new_level end))::learn_internal.win) filter (where t.metric is not null)
      into v_is_new_level, v_won
      from credited c
      left join learn_internal.achievement_thresholds t
        on t.scope = '' and (
          t.metric = 'xp' and t.threshold > c.old_xp and t.threshold <= c.new_xp
          or t.metric = 'level_reached' and t.threshold > c.old_level
            and t.threshold <= c.new_level);
    end if;
  end if;

  -- 5. Metrics count what happened.
  -- 6. The achievements whose thresholds that crosses are found by index.
  -- What boards and tallies are to count is left for a fold, the XP by the type of fact that paid it.
  if v_causes & 3 <> 0 then
    -- (An amount is null where facts lack the property: the new value is null or the old one then.)
    with fed as (
      select f.user_id, f.metric, f.aggregate = 'max' as is_maximum, f.scope, f.board_date,
        case f.aggregate when 'max' then max(f.amount) else sum(f.amount) end::bigint as amount
      from (
        select n.user_id, m.metric, m.aggregate,
          coalesce(n.properties ->> m.scope_property, '') as scope,
          case when not m.is_board then null when m.aggregate = 'run' then '-infinity'
            else n.local_date end as board_date,
          case when m.property is null then 1
            else learn_internal.number_property(n.properties, m.property) end as amount
        from new_facts n
        join learn_internal.metric_feeds m on m.activity_type = n.activity_type
        where n.properties @> m.filter
          and (m.aggregate <> 'run' or not v_resets_runs)
          and (m.scope_property is null or n.properties ->> m.scope_property <> '')
      ) f
      group by f.user_id, f.metric, f.aggregate, f.scope, f.board_date
    ), gained as (
      insert into learn_internal.board_gains (user_id, metric, local_date, activity_type, amount)
      select f.user_id, f.metric, f.board_date, null, f.amount
      from fed f
      where f.board_date is not null and f.amount <> 0
      union all
      select p.user_id, 'xp', p.local_date, p.activity_type, sum(p.amount)
      from (
        select n.user_id, n.local_date, n.activity_type,
          coalesce((v_capped ->> n.id::text)::integer, n.xp, t.pays) as amount
        from new_facts n
        join learn.activity_types t on t.key = n.activity_type
      ) p
      where p.amount <> 0
      group by p.user_id, p.local_date, p.activity_type
    ), changed as (
      select t.user_id, t.metric, t.scope, o.value as old_value,
        case when t.is_maximum then greatest(o.value, t.amount)
          else o.value + t.amount end as new_value
      from (
        select f.user_id, f.metric, f.scope, f.is_maximum,
          case when f.is_maximum then max(f.amount) else sum(f.amount) end::bigint as amount
        from fed f
        group by f.user_id, f.metric, f.scope, f.is_maximum
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
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.new_value)
    )::learn_internal.win)
    into v_won
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
      returning user_id, metric, scope, activity_date
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
    ), boarded as (
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select n.user_id, n.metric, n.activity_date, 1
      from new_days n
      join learn.metrics m on m.key = n.metric and m.is_board
      where n.scope = ''
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.new_value)
    )::learn_internal.win)
    into v_won
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
    ), boarded as (
      insert into learn_internal.board_gains (user_id, metric, local_date, amount)
      select c.user_id, c.metric, '-infinity', c.new_value - c.old_value
      from changed c
      join learn.metrics m on m.key = c.metric and m.is_board
      where c.scope = '' and c.new_value <> c.old_value
    )
    select v_won || array_agg((
      c.user_id, t.achievement_id,
      jsonb_build_object('metric', c.metric, 'scope', c.scope, 'value', c.peak)
    )::learn_internal.win)
    into v_won
    from changed c
    join learn_internal.achievement_thresholds t
      on t.metric = c.metric and t.scope = c.scope
        and t.threshold > c.old_value and t.threshold <= c.peak;
  end if;

  if v_days is not null then
    select v_won || array_agg((
      s.user_id, t.achievement_id,
      jsonb_build_object('metric', v.metric, 'scope', '', 'value', v.new_value)
    )::learn_internal.win)
    into v_won
    from unnest(v_user_ids, v_streak, v_active_days) b(user_id, streak, active_days)
    join learn.user_stats s on s.user_id = any (array[b.user_id])
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
  if v_is_new_level or v_won is not null then
    select jsonb_object_agg(f.user_id, f.last_at) into v_earned_at
    from (
      select n.user_id, max(n.occurred_at) as last_at from new_facts n group by n.user_id
    ) f;
  end if;
  if v_is_new_level then
    insert into learn_internal.board_gains (user_id, metric, local_date, amount)
    select b.user_id, 'level_reached', '-infinity', s.highest_level - b.level
    from unnest(v_user_ids, v_level) b(user_id, level)
    join learn.user_stats s on s.user_id = any (array[b.user_id]) and s.highest_level > b.level
    where exists (select from learn.metrics m where m.key = 'level_reached' and m.is_board);

    insert into learn.activity_log
      (user_id, activity_type, subject_type, subject_id, properties,
       occurred_at, local_date, is_qualifying, recorded_at)
    select b.user_id, t.key, 'level', l.level::text, jsonb_build_object('level', l.level),
      e.at, (e.at at time zone u.timezone)::date, t.is_qualifying, c.now
    from unnest(v_user_ids, v_level) b(user_id, level)
    cross join (select learn.clock() as now offset 0) c
    cross join lateral (select (v_earned_at ->> b.user_id::text)::timestamptz as at) e
    join learn.user_stats s on s.user_id = any (array[b.user_id])
    join learn.users u on u.id = any (array[b.user_id])
    join learn.activity_types t on t.key = 'level_reached'
    cross join lateral generate_series(b.level + 1, s.highest_level) l(level)
    order by b.user_id, l.level;
  end if;

  if v_won is not null then
    insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
    select w.user_id, w.achievement_id, (v_earned_at ->> w.user_id::text)::timestamptz, w.evidence
    from unnest(v_won) w
    join learn.achievements a on a.id = w.achievement_id
    where (a.criteria ? 'metric' or learn_internal.satisfies_criteria(w.user_id, a.criteria))
      and not exists (
        select from learn.revoked_achievements r
        where r.user_id = w.user_id and r.achievement_id = w.achievement_id
        offset 0)
    order by w.user_id, a.display_order, w.achievement_id
    on conflict (user_id, achievement_id) do nothing;
  end if;

  -- 9. What has been gained is folded into the boards now and then, at the end of a transaction.
  if v_causes & 11 <> 0 and random() * 100 < cardinality(v_gains) then
    perform learn_internal.request_fold();
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
