-- Where metrics are not what the facts say: the part of check_integrity() about activity.
create or replace view learn_internal.activity_damage (check_name, user_id, expected, actual) as
select 'metrics_follow_from_facts', coalesce(r.user_id, m.user_id),
  format('%s %s = %s',
    coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(r.value, 0)),
  format('%s %s = %s',
    coalesce(r.metric, m.metric), coalesce(r.scope, m.scope), coalesce(m.value, 0))
from learn_internal.metric_recounts r
full join learn.user_metrics m
  on r.user_id = m.user_id and m.metric = r.metric and m.scope = r.scope
where coalesce(r.value, 0) <> coalesce(m.value, 0)
union all
select 'metric_days_follow_from_facts', coalesce(r.user_id, d.user_id),
  case when r.user_id is null then 'none'
    else format('%s %s %s', r.metric, r.scope, r.activity_date) end,
  case when d.user_id is null then 'none'
    else format('%s %s %s', d.metric, d.scope, d.activity_date) end
from learn_internal.metric_day_recounts r
full join learn_internal.user_metric_days d
  on r.user_id = d.user_id and d.metric = r.metric and d.scope = r.scope
    and d.activity_date = r.activity_date
where r.user_id is null or d.user_id is null
union all
select 'runs_follow_from_facts', coalesce(r.user_id, u.user_id),
  format('%s %s: ended %s, longer %s', coalesce(r.metric, u.metric), coalesce(r.scope, u.scope),
    r.reset_at, r.last_at),
  format('%s %s: ended %s, longer %s', coalesce(r.metric, u.metric), coalesce(r.scope, u.scope),
    u.reset_at, u.last_at)
from learn_internal.run_recounts r
full join learn_internal.user_runs u
  on r.user_id = u.user_id and r.metric = u.metric and r.scope = u.scope
where (r.reset_at, r.last_at) is distinct from (u.reset_at, u.last_at);
comment on view learn_internal.activity_damage is
  'Where metrics are not what the facts say; no row when all is well.';
