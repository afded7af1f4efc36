-- operations: everything recomputed from facts, to compare with and to mend.

set role learn_owner;

-- views/activity/metric_recounts.sql
-- Metrics recounted from the log by the definitions of today: what user_metrics must say.
-- Filter by user_id or metric: both conditions reach the tables.
create or replace view learn_internal.metric_recounts as
with fed as not materialized (
  select f.user_id, f.id, f.local_date, m.key as metric, m.aggregate, s.scope,
    case when m.property is null then 1
      else learn_internal.number_property(f.properties, m.property) end as amount
  from learn.activity_log f
  join learn.metrics m on m.activity_type = f.activity_type and f.properties @> m.filter
  cross join lateral (
    select ''
    union all
    select f.properties ->> m.scope_property
    where f.properties ->> m.scope_property <> ''
  ) s(scope)
)
select t.user_id, t.metric, t.scope,
  case t.aggregate
    when 'max' then greatest(max(t.amount), 0)
    when 'distinct_days' then count(distinct t.local_date)
    else sum(t.amount)
  end::bigint as value
from fed t
where t.aggregate <> 'run' and t.amount is not null
group by t.user_id, t.metric, t.scope, t.aggregate
union all
select r.user_id, r.metric, r.scope,
  count(*) filter (where not r.is_reset and r.id >= coalesce(r.last_reset, 0))
from (
  select e.*, max(e.id) filter (where e.is_reset)
    over (partition by e.user_id, e.metric, e.scope) as last_reset
  from (
    select f.user_id, f.id, f.metric, f.scope, false as is_reset
    from fed f where f.aggregate = 'run'
    union all
    select f.user_id, f.id, m.key, s.scope, true
    from learn.activity_log f
    join learn.metrics m on m.reset_activity_type = f.activity_type
      and f.properties @> m.reset_filter
    cross join lateral (
      select ''
      union all
      select f.properties ->> m.scope_property
      where f.properties ->> m.scope_property <> ''
    ) s(scope)
  ) e
) r
group by r.user_id, r.metric, r.scope;
comment on view learn_internal.metric_recounts is
  'Metrics recounted from activity_log, one row per user, metric and scope.';

-- views/activity/metric_day_recounts.sql
-- The days that distinct_days metrics have counted, recounted from the log:
-- what user_metric_days must say.
create or replace view learn_internal.metric_day_recounts as
select distinct f.user_id, m.key as metric, s.scope, f.local_date as activity_date
from learn.metrics m
join learn.activity_log f on f.activity_type = m.activity_type and f.properties @> m.filter
cross join lateral learn_internal.metric_scopes(f.properties, m.scope_property) s(scope)
where m.aggregate = 'distinct_days';
comment on view learn_internal.metric_day_recounts is
  'Days counted by distinct_days metrics, recounted from activity_log.';

-- views/progress/completion_facts.sql
-- The first time that the log says a user completed something: tracks, paths, difficulties
-- and all else that is completed as a whole.
create or replace view learn_internal.completion_facts as
select f.user_id, f.activity_type, f.subject_id, min(f.occurred_at) as completed_at
from learn.activity_log f
where f.activity_type in ('track_completed', 'path_completed', 'difficulty_completed')
  and f.subject_id is not null
group by f.user_id, f.activity_type, f.subject_id;
comment on view learn_internal.completion_facts is
  'When the log says that users completed tracks, paths and difficulties.';

-- views/xp/xp_recounts.sql
-- XP recounted from the ledger, and the level that it means: what user_stats must say.
create or replace view learn_internal.xp_recounts as
select s.user_id, coalesce(x.total_xp, 0) as total_xp, coalesce(h.highest_level, 1) as highest_level
from learn.user_stats s
left join (
  select t.user_id, sum(t.amount)::bigint as total_xp
  from learn.xp_transactions t group by t.user_id
) x on x.user_id = s.user_id
left join (
  select f.user_id, max(f.subject_id::integer) as highest_level
  from learn.activity_log f
  where f.activity_type = 'level_reached'
  group by f.user_id
) h on h.user_id = s.user_id;
comment on view learn_internal.xp_recounts is
  'Total XP recounted from the ledger, and the highest level announced, per user.';

-- views/streaks/activity_day_recounts.sql
-- Active days recounted from the log and from the freezes spent: what user_activity_days must say.
create or replace view learn_internal.activity_day_recounts as
select d.user_id, d.activity_date, bool_and(d.is_freeze) as is_freeze
from (
  select f.user_id, f.local_date as activity_date, false as is_freeze
  from learn.activity_log f where f.is_qualifying
  union all
  select z.user_id, z.used_on, true from learn.streak_freezes z where z.used_on is not null
) d
group by d.user_id, d.activity_date;
comment on view learn_internal.activity_day_recounts is
  'Active and frozen days recounted from the log and the freezes.';

-- views/practice/exercise_recounts.sql
-- Progress in exercises recounted from the submissions, in the order in which they were graded,
-- which is the order of their facts: what user_exercise_progress must say.
create or replace view learn_internal.exercise_recounts as
select q.user_id, q.exercise_id, count(*)::integer as submissions,
  count(*) filter (where not q.is_correct)::integer as wrong_submissions,
  count(*) filter (where q.error_message is not null)::integer as failed_submissions,
  (array_agg(q.is_correct order by f.id))[1] as is_first_try,
  (array_agg(q.submitted_at order by f.id) filter (where q.is_correct))[1] as solved_at
from learn.query_submissions q
join learn.activity_log f on f.user_id = q.user_id and f.activity_type = 'exercise_attempted'
  and f.properties -> 'submission_id' = to_jsonb(q.id)
group by q.user_id, q.exercise_id;
comment on view learn_internal.exercise_recounts is
  'Progress in exercises recounted from query_submissions.';

-- views/achievements/achievement_recounts.sql
-- Achievements recounted from the log: earned, and not revoked since.
-- What user_achievements must say.
create or replace view learn_internal.achievement_recounts as
select f.user_id, f.achievement_id, f.earned_at
from (
  select distinct on (l.user_id, l.properties -> 'achievement_id')
    l.user_id, (l.properties ->> 'achievement_id')::bigint as achievement_id,
    l.activity_type, l.occurred_at as earned_at
  from learn.activity_log l
  where l.activity_type in ('achievement_earned', 'achievement_revoked')
  order by l.user_id, l.properties -> 'achievement_id', l.id desc
) f
join learn.achievements a on a.id = f.achievement_id
where f.activity_type = 'achievement_earned';
comment on view learn_internal.achievement_recounts is
  'Achievements earned and not revoked since, recounted from the log.';

-- triggers/activity/metrics_change.sql
-- When metrics are defined otherwise: learners wait.
create or replace trigger metrics_change
  before insert or update or delete on learn.metrics
  for each statement
  execute function learn_internal.change_content();
comment on trigger metrics_change on learn.metrics is 'A change has learners wait.';

-- triggers/activity/date_metrics.sql
-- When a metric is redefined: the change is dated. Its key stays, because criteria name it.
-- Errors: LX001 the key changes.
create or replace function learn_internal.date_metrics()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.key <> old.key then
    raise exception 'the key of a metric does not change'
      using errcode = 'LX001', detail = format('%s to %s', old.key, new.key),
        hint = 'Criteria name metrics by key: add a new metric and change the criteria.';
  end if;
  new.defined_at := learn.clock();
  return new;
end;
$$;
comment on function learn_internal.date_metrics() is
  'Row trigger: dates a metric''s definition, and keeps its key (LX001).';
revoke all on function learn_internal.date_metrics() from public;

create or replace trigger date_metrics
  before update on learn.metrics
  for each row
  when ((old.key, old.activity_type, old.aggregate, old.property, old.filter, old.scope_property,
      old.reset_activity_type, old.reset_filter)
    is distinct from (new.key, new.activity_type, new.aggregate, new.property,
      new.filter, new.scope_property, new.reset_activity_type, new.reset_filter))
  execute function learn_internal.date_metrics();
comment on trigger date_metrics on learn.metrics is
  'Dates a metric''s definition, and keeps its key (LX001).';

-- triggers/activity/recount_metrics.sql
-- When metrics are defined or redefined: their values are recounted from the log, for everybody. So
-- a metric that comes late knows the past; what it deserves is granted by backfill_achievement().
create or replace function learn_internal.recount_metrics()
returns trigger
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_metrics text[];
begin
  if tg_op = 'INSERT' then
    select array_agg(n.key) into v_metrics from new_metrics n where n.aggregate <> 'stat';
  else
    select array_agg(n.key) into v_metrics
    from new_metrics n
    left join old_metrics o on o.key = n.key
      and (o.activity_type, o.aggregate, o.filter, o.reset_filter)
        = (n.activity_type, n.aggregate, n.filter, n.reset_filter)
      and o.property is not distinct from n.property
      and o.scope_property is not distinct from n.scope_property
      and o.reset_activity_type is not distinct from n.reset_activity_type
    where n.aggregate <> 'stat' and o.key is null;
  end if;
  if v_metrics is null or not exists (select from learn.activity_log) then
    return null;
  end if;

  -- Nobody earns anything while the values change.
  perform from learn.user_stats s order by s.user_id for no key update;
  delete from learn.user_metrics u where u.metric = any (v_metrics);
  insert into learn.user_metrics (user_id, metric, scope, value)
  select r.user_id, r.metric, r.scope, r.value
  from learn_internal.metric_recounts r
  where r.metric = any (v_metrics) and r.value <> 0
  order by r.user_id, r.metric, r.scope;

  delete from learn_internal.user_metric_days d where d.metric = any (v_metrics);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
  select r.user_id, r.metric, r.scope, r.activity_date
  from learn_internal.metric_day_recounts r
  where r.metric = any (v_metrics);
  return null;
end;
$$;
comment on function learn_internal.recount_metrics() is
  'Statement trigger: recounts new and redefined metrics for everybody.';
revoke all on function learn_internal.recount_metrics() from public;

create or replace trigger metrics_inserted
  after insert on learn.metrics
  referencing new table as new_metrics
  for each statement
  execute function learn_internal.recount_metrics();
comment on trigger metrics_inserted on learn.metrics is 'Recounts the new metrics.';

create or replace trigger metrics_updated
  after update on learn.metrics
  referencing old table as old_metrics new table as new_metrics
  for each statement
  execute function learn_internal.recount_metrics();
comment on trigger metrics_updated on learn.metrics is
  'Recounts the metrics that are defined otherwise now.';

-- functions/operations/rebuild_users.sql
-- Recomputes every projection of users from facts: active days and streaks,
-- XP and levels from the ledger, metrics, progress in exercises, tracks, paths and difficulties.
-- Nothing is paid, earned or lost: the ledger, the log and what was earned are the facts;
-- an achievement whose row was lost is put back from the log.
create or replace function learn_internal.rebuild_users(p_user_ids uuid[])
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform learn_internal.hold_content();
  perform from learn.user_stats s where s.user_id = any (p_user_ids)
  order by s.user_id for no key update;
  insert into learn.user_stats (user_id)
  select u.id from learn.users u where u.id = any (p_user_ids)
  on conflict do nothing;

  -- Days and streaks
  delete from learn.user_activity_days d where d.user_id = any (p_user_ids);
  insert into learn.user_activity_days (user_id, activity_date, is_freeze)
  select r.user_id, r.activity_date, r.is_freeze
  from learn_internal.activity_day_recounts r
  where r.user_id = any (p_user_ids);

  -- XP, level, streak
  update learn.user_stats s
  set total_xp = x.total_xp,
    current_level = learn.calculate_level_from_xp(x.total_xp),
    highest_level = x.highest_level,
    current_streak = coalesce(d.current_streak, 0),
    longest_streak = coalesce(d.longest_streak, 0),
    active_days = coalesce(d.active_days, 0),
    last_activity_date = d.last_activity_date,
    streak_freezes = (
      select count(*) from learn.streak_freezes z
      where z.user_id = s.user_id and z.used_on is null)
  from learn_internal.xp_recounts x
  left join (
    select * from learn_internal.streak_states t where t.user_id = any (p_user_ids)
  ) d on d.user_id = x.user_id
  where s.user_id = any (p_user_ids) and x.user_id = s.user_id;

  -- Metrics
  delete from learn.user_metrics m where m.user_id = any (p_user_ids);
  insert into learn.user_metrics (user_id, metric, scope, value)
  select r.user_id, r.metric, r.scope, r.value
  from learn_internal.metric_recounts r
  where r.user_id = any (p_user_ids) and r.value <> 0;

  delete from learn_internal.user_metric_days d where d.user_id = any (p_user_ids);
  insert into learn_internal.user_metric_days (user_id, metric, scope, activity_date)
  select r.user_id, r.metric, r.scope, r.activity_date
  from learn_internal.metric_day_recounts r
  where r.user_id = any (p_user_ids);

  -- Progress
  delete from learn.user_exercise_progress p
  where p.user_id = any (p_user_ids) and not exists (
    select from learn.query_submissions q
    where q.user_id = p.user_id and q.exercise_id = p.exercise_id);
  insert into learn.user_exercise_progress as p
    (user_id, exercise_id, submissions, wrong_submissions,
     failed_submissions, is_first_try, solved_at)
  select r.user_id, r.exercise_id, r.submissions, r.wrong_submissions,
    r.failed_submissions, r.is_first_try, r.solved_at
  from learn_internal.exercise_recounts r
  where r.user_id = any (p_user_ids)
  on conflict (user_id, exercise_id) do update
    set submissions = excluded.submissions, wrong_submissions = excluded.wrong_submissions,
      failed_submissions = excluded.failed_submissions, is_first_try = excluded.is_first_try,
      solved_at = excluded.solved_at;

  insert into learn.user_achievements (user_id, achievement_id, earned_at, evidence)
  select r.user_id, r.achievement_id, r.earned_at, '{"is_restored": true}'
  from learn_internal.achievement_recounts r
  where r.user_id = any (p_user_ids)
  on conflict do nothing;

  -- What was completed stays completed: the facts say so, and are not written again.
  insert into learn.user_track_progress as p (user_id, track_id, total_items, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.tracks t on c.activity_type = 'track_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, track_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_path_progress as p (user_id, path_id, total_tracks, completed_at)
  select c.user_id, t.id, 0, c.completed_at
  from learn_internal.completion_facts c
  join learn.learning_paths t on c.activity_type = 'path_completed' and t.id::text = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict (user_id, path_id) do update
    set completed_at = coalesce(p.completed_at, excluded.completed_at);
  insert into learn.user_difficulty_progress (user_id, difficulty, completed_at)
  select c.user_id, t.key, c.completed_at
  from learn_internal.completion_facts c
  join learn.difficulties t on c.activity_type = 'difficulty_completed' and t.key = c.subject_id
  where c.user_id = any (p_user_ids)
  on conflict do nothing;

  perform learn_internal.recount_tracks(p_user_ids, (select array_agg(t.id) from learn.tracks t));
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_paths(
    p_user_ids, (select array_agg(p.id) from learn.learning_paths p)) f;
  perform learn_internal.write_facts(array_agg(f::learn_internal.fact))
  from learn_internal.refresh_difficulties(
    p_user_ids, (select array_agg(d.key) from learn.difficulties d)) f;
end;
$$;
comment on function learn_internal.rebuild_users(uuid[]) is
  'Recomputes every projection of users from facts.';
revoke all on function learn_internal.rebuild_users(uuid[]) from public;

-- functions/operations/rebuild_user.sql
-- Recomputes everything of one user that is a projection of facts. Reaches the state
-- that live processing reaches.
-- Errors: LX002.
create or replace function learn.rebuild_user(p_user_id uuid)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from learn.users u where u.id = p_user_id) then
    raise exception 'unknown user'
      using errcode = 'LX002', detail = format('p_user_id = %s', coalesce(p_user_id::text, 'null')),
        hint = 'Look the user up in learn.users.';
  end if;
  perform learn_internal.rebuild_users(array[p_user_id]);
end;
$$;
comment on function learn.rebuild_user(uuid) is
  'Recomputes everything of one user that is a projection of facts.';
revoke all on function learn.rebuild_user(uuid) from public;

-- functions/operations/rebuild_all.sql
-- Recomputes the projections of all users, set-based. Locks everybody's stats row until
-- the transaction ends. Returns the number of users.
create or replace function learn.rebuild_all()
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_ids uuid[];
begin
  select coalesce(array_agg(u.id order by u.id), '{}') into v_user_ids from learn.users u;
  perform learn_internal.rebuild_users(v_user_ids);
  return cardinality(v_user_ids);
end;
$$;
comment on function learn.rebuild_all() is
  'Recomputes the projections of all users; returns how many.';
revoke all on function learn.rebuild_all() from public;

-- functions/achievements/was_deserved_before.sql
-- Whether a user's value of a metric had reached a threshold by a point in time already,
-- as far as facts can tell; null when they cannot. For check_integrity(): such an achievement
-- is for backfill_achievement() to grant, not a fault.
create or replace function learn_internal.was_deserved_before(
  p_user_id uuid, p_metric text, p_scope text, p_threshold bigint, p_until timestamptz
)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_metric learn.metrics;
  v_value  bigint;
begin
  select m.* into v_metric from learn.metrics m where m.key = p_metric;
  -- redefining a metric recounts it, and earns nothing
  p_until := greatest(p_until, v_metric.defined_at);
  if v_metric.aggregate = 'run' or p_metric = 'current_streak' then
    -- The best run of the past is not kept; but where there are no facts from before,
    -- there was none.
    return case when exists (
      select from learn.activity_log f
      where f.user_id = p_user_id and f.recorded_at <= p_until
        and f.activity_type <> 'user_registered') then null
    else false end;
  end if;

  if p_metric = 'xp' then
    select sum(t.amount) into v_value
    from learn.xp_transactions t
    where t.user_id = p_user_id and t.created_at <= p_until;
  elsif p_metric = 'level_reached' then
    select max(f.subject_id::bigint) into v_value
    from learn.activity_log f
    where f.user_id = p_user_id and f.activity_type = 'level_reached' and f.recorded_at <= p_until;
  elsif p_metric = 'active_days' then
    select count(distinct f.local_date) into v_value
    from learn.activity_log f
    where f.user_id = p_user_id and f.is_qualifying and f.recorded_at <= p_until;
  else
    select case v_metric.aggregate
        when 'max' then max(a.amount)
        when 'distinct_days' then count(distinct f.local_date)
        else sum(a.amount)
      end into v_value
    from learn.activity_log f
    cross join lateral (
      select case when v_metric.property is null then 1
        else learn_internal.number_property(f.properties, v_metric.property) end as amount
    ) a
    where f.user_id = p_user_id and f.activity_type = v_metric.activity_type
      and f.recorded_at <= p_until and f.properties @> v_metric.filter
      and (p_scope = '' or f.properties ->> v_metric.scope_property = p_scope);
  end if;
  return coalesce(v_value, 0) >= p_threshold;
end;
$$;
comment on function learn_internal.was_deserved_before(uuid, text, text, bigint, timestamptz) is
  'Whether a user''s metric had reached a threshold by a point in time already; '
  'null when facts cannot tell.';
revoke all on function learn_internal.was_deserved_before(uuid, text, text, bigint, timestamptz)
  from public;

-- functions/operations/check_integrity.sql
-- Recomputes every projection from facts, set-based, and compares. No row when all is well.
-- Reads only.
create or replace function learn.check_integrity()
returns table (check_name text, user_id uuid, expected text, actual text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
  -- identity
  select 'user_has_stats', u.id, 'a row in user_stats', 'none'
  from learn.users u
  where not exists (select from learn.user_stats s where s.user_id = u.id)

  -- xp
  union all
  select 'total_xp_is_the_ledger_sum', s.user_id, x.total_xp::text, s.total_xp::text
  from learn.user_stats s
  join learn_internal.xp_recounts x on x.user_id = s.user_id
  where s.total_xp <> x.total_xp
  union all
  select 'level_follows_the_curve', s.user_id,
    learn.calculate_level_from_xp(s.total_xp)::text, s.current_level::text
  from learn.user_stats s
  where s.current_level <> learn.calculate_level_from_xp(s.total_xp)
  union all
  select 'levels_are_announced', s.user_id, x.highest_level::text, s.highest_level::text
  from learn.user_stats s
  join learn_internal.xp_recounts x on x.user_id = s.user_id
  where s.highest_level <> x.highest_level
  union all
  select 'facts_are_paid', coalesce(f.user_id, t.user_id),
    format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(f.xp, 0)),
    format('%s: %s', coalesce(f.activity_type, t.activity_type), coalesce(t.xp, 0))
  from (
    select l.user_id, l.activity_type, sum(l.xp) as xp
    from learn.activity_log l
    where l.activity_type in (
      'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked')
    group by l.user_id, l.activity_type
  ) f
  full join (
    select t.user_id, t.activity_type, sum(t.amount) as xp
    from learn.xp_transactions t
    where t.activity_type in (
      'xp_awarded', 'xp_reversed', 'achievement_earned', 'achievement_revoked')
    group by t.user_id, t.activity_type
  ) t on t.user_id = f.user_id and t.activity_type = f.activity_type
  where coalesce(f.xp, 0) <> coalesce(t.xp, 0)

  -- streaks
  union all
  select 'active_days_follow_from_facts', coalesce(r.user_id, d.user_id),
    case when r.user_id is null then 'no ' || d.activity_date
      else format('%s freeze=%s', r.activity_date, r.is_freeze) end,
    case when d.user_id is null then 'no ' || r.activity_date
      else format('%s freeze=%s', d.activity_date, d.is_freeze) end
  from learn_internal.activity_day_recounts r
  full join learn.user_activity_days d
    on d.user_id = r.user_id and d.activity_date = r.activity_date
  where r.is_freeze is distinct from d.is_freeze
  union all
  select 'streak_follows_from_days', s.user_id,
    format('current %s, longest %s, days %s, last %s',
      coalesce(r.current_streak, 0), coalesce(r.longest_streak, 0),
      coalesce(r.active_days, 0), r.last_activity_date),
    format('current %s, longest %s, days %s, last %s',
      s.current_streak, s.longest_streak, s.active_days, s.last_activity_date)
  from learn.user_stats s
  left join learn_internal.streak_states r on r.user_id = s.user_id
  where (s.current_streak, s.longest_streak, s.active_days)
    <> (coalesce(r.current_streak, 0), coalesce(r.longest_streak, 0), coalesce(r.active_days, 0))
    or s.last_activity_date is distinct from r.last_activity_date
  union all
  select 'freezes_held_are_counted', s.user_id, coalesce(z.held, 0)::text, s.streak_freezes::text
  from learn.user_stats s
  left join (
    select f.user_id, count(*) as held from learn.streak_freezes f
    where f.used_on is null group by f.user_id
  ) z on z.user_id = s.user_id
  where s.streak_freezes <> coalesce(z.held, 0)

  -- activity
  union all
  select 'metrics_follow_from_facts', coalesce(r.user_id, m.user_id),
    format('%s %s = %s',
      coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(r.value, 0)),
    format('%s %s = %s',
      coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(m.value, 0))
  from learn_internal.metric_recounts r
  full join learn.user_metrics m
    on m.user_id = r.user_id and m.metric = r.metric and m.scope = r.scope
  where coalesce(r.value, 0) <> coalesce(m.value, 0)

  union all
  select 'metric_days_follow_from_facts', coalesce(r.user_id, d.user_id),
    case when r.user_id is null then 'none'
      else format('%s %s %s', r.metric, r.scope, r.activity_date) end,
    case when d.user_id is null then 'none'
      else format('%s %s %s', d.metric, d.scope, d.activity_date) end
  from learn_internal.metric_day_recounts r
  full join learn_internal.user_metric_days d
    on d.user_id = r.user_id and d.metric = r.metric and d.scope = r.scope
      and d.activity_date = r.activity_date
  where r.user_id is null or d.user_id is null

  -- practice
  union all
  select 'exercise_progress_follows_from_submissions', coalesce(r.user_id, p.user_id),
    format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
      (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)),
    format('exercise %s: %s', coalesce(r.exercise_id, p.exercise_id),
      (p.submissions, p.wrong_submissions, p.failed_submissions, p.is_first_try, p.solved_at))
  from learn_internal.exercise_recounts r
  full join learn.user_exercise_progress p
    on p.user_id = r.user_id and p.exercise_id = r.exercise_id
  where (r.submissions, r.wrong_submissions, r.failed_submissions, r.is_first_try, r.solved_at)
    is distinct from (p.submissions, p.wrong_submissions,
      p.failed_submissions, p.is_first_try, p.solved_at)

  -- progress
  union all
  select 'solved_lessons_are_completed', v.user_id,
    format('lesson %s completed', v.lesson_id), 'not completed'
  from learn_internal.solved_lessons v
  where not exists (
    select from learn.user_lesson_progress p
    where p.user_id = v.user_id and p.lesson_id = v.lesson_id and p.completed_at is not null)
  union all
  select 'completed_lessons_are_facts', p.user_id,
    format('a fact for lesson %s', p.lesson_id), 'none'
  from learn.user_lesson_progress p
  left join learn.activity_log f on f.user_id = p.user_id and f.activity_type = 'lesson_completed'
    and f.subject_type = 'lesson' and f.subject_id = p.lesson_id::text
  where p.completed_at is not null and f.id is null
  union all
  select 'track_progress_follows_from_items', coalesce(r.user_id, p.user_id),
    format('track %s: %s of %s',
      coalesce(r.track_id, p.track_id), coalesce(r.items_completed, 0), coalesce(z.total_items, 0)),
    format('track %s: %s of %s',
      coalesce(r.track_id, p.track_id), coalesce(p.items_completed, 0), coalesce(p.total_items, 0))
  from learn_internal.track_recounts r
  full join learn.user_track_progress p on p.user_id = r.user_id and p.track_id = r.track_id
  left join learn_internal.track_sizes z on z.track_id = coalesce(r.track_id, p.track_id)
  where coalesce(r.items_completed, 0) <> coalesce(p.items_completed, 0)
    or coalesce(z.total_items, 0) <> coalesce(p.total_items, 0)
  union all
  select 'full_tracks_are_completed', p.user_id,
    format('track %s completed', p.track_id), 'not completed'
  from learn.user_track_progress p
  join learn.tracks t on t.id = p.track_id and t.is_published
  where p.total_items > 0 and p.items_completed = p.total_items and p.completed_at is null
  union all
  select 'path_progress_follows_from_tracks', coalesce(r.user_id, p.user_id),
    format('path %s: %s of %s',
      coalesce(r.path_id, p.path_id), coalesce(r.tracks_completed, 0), coalesce(z.total_tracks, 0)),
    format('path %s: %s of %s',
      coalesce(r.path_id, p.path_id), coalesce(p.tracks_completed, 0), coalesce(p.total_tracks, 0))
  from learn_internal.path_recounts r
  full join learn.user_path_progress p on p.user_id = r.user_id and p.path_id = r.path_id
  left join learn_internal.path_sizes z on z.path_id = coalesce(r.path_id, p.path_id)
  where coalesce(r.tracks_completed, 0) <> coalesce(p.tracks_completed, 0)
    or coalesce(z.total_tracks, 0) <> coalesce(p.total_tracks, 0)
  union all
  select 'full_paths_are_completed', p.user_id,
    format('path %s completed', p.path_id), 'not completed'
  from learn.user_path_progress p
  join learn.learning_paths l on l.id = p.path_id and l.is_published
  where p.total_tracks > 0 and p.tracks_completed = p.total_tracks and p.completed_at is null
  union all
  select 'full_difficulties_are_completed', r.user_id,
    format('difficulty %s completed', r.difficulty), 'not completed'
  from learn_internal.difficulty_recounts r
  where not exists (
    select from learn.user_difficulty_progress p
    where p.user_id = r.user_id and p.difficulty = r.difficulty)

  -- achievements
  union all
  select 'achievements_follow_from_facts', coalesce(r.user_id, u.user_id),
    case when r.user_id is null then 'no achievement ' || u.achievement_id
      else 'achievement ' || r.achievement_id end,
    case when u.user_id is null then 'no achievement ' || r.achievement_id
      else 'achievement ' || u.achievement_id end
  from learn_internal.achievement_recounts r
  full join learn.user_achievements u
    on u.user_id = r.user_id and u.achievement_id = r.achievement_id
  where r.user_id is null or u.user_id is null
  union all
  select 'reached_achievements_are_earned', d.user_id, d.slug, 'not earned'
  from learn_internal.deserved_achievements d
  where (d.is_sole or learn_internal.satisfies_criteria(d.user_id, d.criteria))
    and not learn_internal.was_deserved_before(
      d.user_id, d.metric, d.scope, d.threshold, d.criteria_changed_at);
$$;
comment on function learn.check_integrity() is
  'Recomputes every projection from facts and compares; no row when all is well. Reads only.';
revoke all on function learn.check_integrity() from public;

reset role;
