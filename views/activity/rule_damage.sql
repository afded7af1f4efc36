-- Where what is noted of rules is not what they say: a part of check_integrity(). Rules are nobody's: no user is named.
create or replace view learn_internal.rule_damage (check_name, user_id, expected, actual) as
select 'rules_are_noted', null::uuid,
  case when d.is_missing then d.note else 'nothing such' end, case when d.is_missing then 'none' else d.note end
from (
  select w.note, sum(w.amount) > 0 as is_missing
  from (
    select 1 as amount, format('type %s', c) as note from learn_internal.type_consequences c
    union all
    select -1, format('type %s', (t.key, t.pays, t.is_capped, t.feeds_metrics, t.feeds_days, t.resets_runs, t.notifies))
    from learn.activity_types t
    union all
    select 1, format('feed %s', f) from learn_internal.due_feeds f
    union all
    select -1, format('feed %s', (o.activity_type, o.metric, o.is_scoped, o.aggregate, o.property, o.filter,
      o.scope_property, o.is_board))
    from learn_internal.metric_feeds o
    union all
    select 1, format('threshold %s', (a.id, l.metric, l.scope, l.threshold, l.is_sole))
    from learn.achievements a
    cross join lateral (select distinct * from learn_internal.criteria_leaves(a.criteria)) l
    where a.is_active
    union all
    select -1, format('threshold %s', (t.achievement_id, t.metric, t.scope, t.threshold, t.is_sole))
    from learn_internal.achievement_thresholds t
    union all
    select 1, format('mark %s', m.xp)
    from (
      select t.min_xp as xp from learn.level_thresholds t
      union
      select t.threshold from learn_internal.achievement_thresholds t where t.metric = 'xp' and t.scope = ''
    ) m
    union all
    select -1, format('mark %s', m.xp) from learn_internal.xp_marks m
  ) w
  group by w.note
  having sum(w.amount) <> 0
) d;
comment on view learn_internal.rule_damage is
  'Where what is noted of rules is not what they say; no row when all is well.';
