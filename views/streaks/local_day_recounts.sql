-- The local dates of the learning acts of users who have moved, zone by zone, recounted from the log.
create or replace view learn_internal.local_day_recounts as
select f.user_id, f.zone_number, f.local_date, min(f.occurred_at) as first_at, max(f.occurred_at) as last_at
from learn_internal.all_facts f
join learn.users u on u.id = f.user_id and u.zone_number > 0
where f.is_qualifying
group by f.user_id, f.zone_number, f.local_date;
comment on view learn_internal.local_day_recounts is
  'The local dates of the learning acts of users who have moved, zone by zone, recounted from the log.';
