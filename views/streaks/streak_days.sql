-- How long a user's streak was on each of their days: active days so far of the run that it is in; a day that a freeze covers
-- adds nothing to it. Filter by user_id: the condition reaches the table.
create or replace view learn_internal.streak_days as
select d.user_id, d.activity_date, d.is_freeze,
  count(*) filter (where not d.is_freeze) over (partition by d.user_id, d.run order by d.activity_date) as streak
from (
  select a.user_id, a.activity_date, a.is_freeze,
    a.activity_date - (row_number() over w + sum(a.flown_over) over w)::integer as run
  from learn.user_activity_days a
  window w as (partition by a.user_id order by a.activity_date)
) d;
comment on view learn_internal.streak_days is
  'How long a user''s streak was on each of their active and frozen days.';
