-- What facts of each type can cause, by the rules of today: what must be noted with the types.
create or replace view learn_internal.type_consequences as
select a.key,
  (select r.amount from learn.xp_rules r where r.activity_type = a.key) as pays,
  exists (
    select from learn.xp_rules r
    where r.activity_type = a.key and r.daily_cap is not null) as is_capped,
  exists (
    select from learn.metrics m
    where m.activity_type = a.key and m.aggregate <> 'distinct_days') as feeds_metrics,
  exists (
    select from learn.metrics m
    where m.activity_type = a.key and m.aggregate = 'distinct_days') as feeds_days,
  exists (select from learn.metrics m where m.reset_activity_type = a.key) as resets_runs,
  exists (
    select from learn.notification_rules r
    where r.activity_type = a.key and r.is_active) as notifies
from learn.activity_types a;
comment on view learn_internal.type_consequences is 'What facts of each type can cause, by the rules of today.';
