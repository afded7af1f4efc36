-- XP of a week by the type of the fact that paid it.
create or replace view learn.weekly_xp_by_source as
select date_trunc('week', t.earned_on::timestamp)::date as week_start, t.activity_type,
  sum(t.xp)::bigint as xp
from learn.daily_xp_by_source t
group by 1, 2;
comment on view learn.weekly_xp_by_source is
  'XP per week (Monday) and type of the fact that paid it; see daily_xp_by_source.';
grant select on learn.weekly_xp_by_source to learn_app, learn_readonly;
