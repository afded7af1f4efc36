-- XP of a day by the type of the fact that paid it. A reversal is a source of its own, below 0,
-- on the day of the reversal.
create or replace view learn.daily_xp_by_source as
select t.day as earned_on, t.item as activity_type, t.value as xp
from learn_internal.tally_totals t
where t.measure = 'xp';
comment on view learn.daily_xp_by_source is
  'XP per local day and type of the fact that paid it. What was taken back is xp_reversed, below 0, '
  'on the day when it was taken back.';
grant select on learn.daily_xp_by_source to learn_app, learn_readonly;
