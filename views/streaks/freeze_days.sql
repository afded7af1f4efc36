-- The day that each freeze in hand would cover: the i-th one the i-th day after the user's last. It
-- covers it if it was held by then. Filter by user_id: the condition reaches the table.
create or replace view learn_internal.freeze_days as
select f.user_id, f.freeze_id, f.missed_day, f.granted_on <= f.missed_day as is_held
from (
  select f.user_id, f.id as freeze_id, f.granted_on,
    s.last_activity_date + (row_number() over (
      partition by f.user_id order by f.granted_on, f.is_earned, f.id))::integer as missed_day
  from learn.streak_freezes f
  join learn.user_stats s on s.user_id = f.user_id
  where f.used_on is null
) f;
comment on view learn_internal.freeze_days is
  'Freezes in hand and the days that they would cover, whether each was held by then.';
