-- How long each user's streak is, and when it ends unless another day becomes active: at the end of
-- the user's day after the last one, or of as many days more as freezes in hand cover without a gap. Where the
-- last day was counted by another zone, by whichever of the two clocks is later.
-- Filter by user_id: the condition reaches the tables.
create or replace view learn_internal.streak_ends as
select e.user_id, e.days, greatest(
  (e.lost_on + e.day_starts_at) at time zone e.timezone,
  (
    select (e.lost_on + z.day_starts_at) at time zone z.timezone
    from learn.user_timezones z
    where z.user_id = e.user_id and z.number = e.last_zone_number
  )) as ends_at
from (
  select s.user_id, s.current_streak as days, s.last_zone_number, u.timezone, u.day_starts_at,
    s.last_activity_date + 2 + case when s.streak_freezes = 0 then 0 else (
      select coalesce(min(f.place) filter (where f.granted_on > s.last_activity_date + f.place::integer) - 1, count(*))
      from unnest((  -- the days that each would cover: see freeze_days
        select array_agg(z.granted_on order by z.granted_on)
        from learn.streak_freezes z
        where z.user_id = s.user_id and z.used_on is null
      )) with ordinality f(granted_on, place)
    ) end::integer as lost_on
  from learn.user_stats s
  join learn.users u on u.id = s.user_id
  where s.current_streak > 0
) e;
comment on view learn_internal.streak_ends is
  'Length of streaks in days, and the moment from which they are lost.';
