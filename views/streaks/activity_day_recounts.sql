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
