-- Streaks recounted from the active days: what user_stats must say. A day that a freeze covers
-- keeps a run together but adds nothing to it. Filter by user_id: the condition reaches the table.
create or replace view learn_internal.streak_states as
with runs as (
  select d.user_id, max(d.activity_date) as last_date,
    count(*) filter (where not d.is_freeze) as days
  from (
    select a.user_id, a.activity_date, a.is_freeze,
      a.activity_date - (row_number() over w + sum(a.flown_over) over w)::integer as run
    from learn.user_activity_days a
    window w as (partition by a.user_id order by a.activity_date)
  ) d
  group by d.user_id, d.run
)
select r.user_id,
  (array_agg(r.days order by r.last_date desc))[1]::integer as current_streak,
  max(r.days)::integer as longest_streak,
  sum(r.days)::integer as active_days,
  max(r.last_date) as last_activity_date
from runs r
group by r.user_id;
comment on view learn_internal.streak_states is
  'Streaks recounted from user_activity_days, one row per user with any.';
