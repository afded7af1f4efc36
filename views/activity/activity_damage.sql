-- Where metrics are not what the facts say: the part of check_integrity() about activity.
create or replace view learn_internal.activity_damage (check_name, user_id, expected, actual) as
select 'metrics_follow_from_facts', w.user_id,
  format('%s %s = %s', w.metric, w.scope, sum(w.due)), format('%s %s = %s', w.metric, w.scope, sum(w.value))
from (
  select r.user_id, r.metric, r.scope, r.value as due, 0 as value from learn_internal.count_recounts r
  union all
  select m.user_id, m.metric, m.scope, 0, m.value from learn.user_metrics m
  where m.metric not in (select k.key from learn.metrics k where k.aggregate = 'run')  -- runs: below
) w
group by w.user_id, w.metric, w.scope
having sum(w.due) <> sum(w.value)
union all
select 'metric_days_follow_from_facts', w.user_id,
  case when sum(w.due) > 0 then format('%s %s %s, zone %s', w.metric, w.scope, w.activity_date, w.zone_number)
    else 'none' end,
  case when sum(w.due) > 0 then 'none'
    else format('%s %s %s, zone %s', w.metric, w.scope, w.activity_date, w.zone_number) end
from (
  select r.user_id, r.metric, r.scope, r.activity_date, r.zone_number, 1 as due from learn_internal.metric_day_recounts r
  union all
  select d.user_id, d.metric, d.scope, d.activity_date, d.zone_number, -1 from learn_internal.user_metric_days d
) w
group by w.user_id, w.metric, w.scope, w.activity_date, w.zone_number
having sum(w.due) <> 0
union all
select c.check_name, w.user_id, format('%s %s: %s', w.metric, w.scope, c.expected), format('%s %s: %s', w.metric, w.scope, c.actual)
from (
  select r.user_id, r.metric, r.scope, sum(r.due) as due, sum(r.value) as value, max(r.due_reset) as due_reset,
    max(r.due_last) as due_last, max(r.reset_at) as reset_at, max(r.last_at) as last_at
  from (
    select e.user_id, e.metric, e.scope, e.value as due, 0 as value, e.reset_at as due_reset, e.last_at as due_last,
      null::timestamptz as reset_at, null::timestamptz as last_at
    from learn_internal.run_recounts e
    union all
    select u.user_id, u.metric, u.scope, 0, 0, null, null, u.reset_at, u.last_at from learn_internal.user_runs u
    union all
    select m.user_id, m.metric, m.scope, 0, m.value, null, null, null, null
    from learn.user_metrics m
    where m.metric in (select k.key from learn.metrics k where k.aggregate = 'run')
  ) r
  group by r.user_id, r.metric, r.scope
) w
cross join lateral (
  values
    ('metrics_follow_from_facts', w.due is distinct from w.value, w.due::text, w.value::text),
    ('runs_follow_from_facts', (w.due_reset, w.due_last) is distinct from (w.reset_at, w.last_at),
      format('ended %s, longer %s', w.due_reset, w.due_last), format('ended %s, longer %s', w.reset_at, w.last_at))
) c(check_name, is_wrong, expected, actual)
where c.is_wrong;
comment on view learn_internal.activity_damage is
  'Where metrics are not what the facts say; no row when all is well.';
