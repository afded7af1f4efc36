-- Active days recounted from the log and from the freezes spent: what user_activity_days must say.
create or replace view learn_internal.activity_day_recounts as
select d.user_id, d.activity_date, bool_and(d.is_freeze) as is_freeze, max(d.flown_over) as flown_over
from (
  select f.user_id, f.local_date as activity_date, false as is_freeze, 0 as flown_over
  from learn_internal.all_facts f
  join learn.users u on u.id = f.user_id and u.zone_number = 0
  where f.is_qualifying
  union all
  select u.id, c.activity_date, false, c.flown_over
  from learn.users u
  cross join lateral learn_internal.chain_days(array(
    select (r.user_id, r.zone_number, r.local_date, r.first_at, r.last_at, false)::learn_internal.local_days
    from learn_internal.local_day_recounts r
    where r.user_id = u.id)) c
  where u.zone_number > 0
  union all
  select z.user_id, z.used_on, true, 0 from learn.streak_freezes z where z.used_on is not null
) d
group by d.user_id, d.activity_date;
comment on view learn_internal.activity_day_recounts is
  'Active and frozen days recounted from the log and the freezes.';
