"""What `dbtool report` asks for: the views of analytics, for the last `%(days)s` days.

Today is UTC's, as the learners' own may differ by a day; weeks begin on Monday.
"""
# ruff: noqa: S608  the parts put into the SQL are constants

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import LiteralString

VIEWS = (
    "learn.achievement_rarity",
    "learn.cohort_retention",
    "learn.course_funnel",
    "learn.daily_active_learners",
    "learn.daily_xp_by_source",
    "learn.streak_distribution",
    "learn.track_funnel",
    "learn.weekly_active_learners",
    "learn.weekly_xp_by_source",
)
COHORTS = 12
"""Cohorts and weeks in the picture of retention: as many as a phone can show."""

_PERIOD: LiteralString = """
with day as (
  select (learn.clock() at time zone 'UTC')::date as today
), period as (
  select d.today, d.today - %(days)s::integer + 1 as first_day,
    date_trunc('week', d.today::timestamp)::date as this_week,
    date_trunc('week', (d.today - %(days)s::integer + 1)::timestamp)::date as first_week
  from day d
)
"""

_FUNNEL: LiteralString = """
select f.title, f.is_published, {enrolled} as enrolled, f.started, f.reached_25, f.reached_50,
  f.reached_75, f.completed
from learn.{view} f
where {enrolled} > 0
order by 3 desc, f.title
"""

QUERIES: dict[str, LiteralString] = {
    "totals": _PERIOD
    + """
select learn.clock() as at, p.first_day, p.today as last_day,
  (select coalesce(sum(d.new_learners), 0)::bigint from learn.daily_active_learners d) as learners,
  (select coalesce(sum(d.new_learners), 0)::bigint from learn.daily_active_learners d
    where d.activity_date >= p.first_day) as new_learners,
  (select w.active_learners from learn.weekly_active_learners w
    where w.week_start = p.this_week) as active_this_week,
  (select w.active_learners from learn.weekly_active_learners w
    where w.week_start = p.this_week - 7) as active_last_week,
  (select (sum(r.active_learners) / sum(r.learners))::float from learn.cohort_retention r
    where r.weeks_since = 1 and r.cohort_week >= p.first_week
      and r.cohort_week + 14 <= p.today) as stayed_a_week,
  (select coalesce(sum(x.xp), 0)::bigint from learn.daily_xp_by_source x
    where x.earned_on >= p.first_day) as xp,
  (select coalesce(sum(s.learners), 0)::bigint from learn.streak_distribution s
    where s.days >= 2) as on_a_streak
from period p
""",
    "daily": _PERIOD
    + """
select g.day::date as day, coalesce(d.active_learners, 0) as active,
  coalesce(d.new_learners, 0) as new
from period p
cross join lateral generate_series(p.first_day::timestamp, p.today::timestamp, interval '1 day') g(day)
left join learn.daily_active_learners d on d.activity_date = g.day::date
order by 1
""",
    "weekly": _PERIOD
    + """
select g.week::date as week, coalesce(w.active_learners, 0) as active,
  coalesce(w.new_learners, 0) as new, g.week::date = p.this_week as is_unfinished
from period p
cross join lateral generate_series(p.first_week::timestamp, p.this_week::timestamp, interval '7 days') g(week)
left join learn.weekly_active_learners w on w.week_start = g.week::date
order by 1
""",
    "retention": _PERIOD
    + f"""
select r.cohort_week as cohort, r.weeks_since as weeks, r.learners, r.active_learners as active,
  r.share_active::float as share,
  r.cohort_week + 7 * (r.weeks_since + 1) > p.today as is_unfinished
from learn.cohort_retention r
cross join period p
where r.cohort_week >= greatest(p.first_week, p.this_week - {7 * (COHORTS - 1)})
order by 1, 2
""",
    "courses": _FUNNEL.format(view="course_funnel", enrolled="f.enrolled"),
    "tracks": _FUNNEL.format(view="track_funnel", enrolled="f.started"),
    "badges": """
select case when count(*) over (partition by r.name) > 1 then format('%%s (%%s)', r.name, r.system)
    else r.name end as name, r.rarity, r.holders, coalesce(r.share, 0)::float as share
from learn.achievement_rarity r
where r.is_active or r.holders > 0
order by r.holders desc, 1
""",
    "xp": _PERIOD
    + """
, ranked as (
  select x.activity_type, rank() over (order by sum(abs(x.xp)) desc, x.activity_type) as rank
  from learn.weekly_xp_by_source x
  cross join period p
  where x.week_start >= p.first_week
  group by x.activity_type
)
select x.week_start as week, case when r.rank > 5 then 'others' else x.activity_type end as source,
  least(min(r.rank), 6) as rank, sum(x.xp)::bigint as xp
from learn.weekly_xp_by_source x
join ranked r on r.activity_type = x.activity_type
cross join period p
where x.week_start >= p.first_week
group by 1, 2
order by 1, 3
""",
    "streaks": """
select b.label, b.first as days, coalesce(sum(s.learners), 0)::bigint as now,
  coalesce(sum(s.learners_at_longest), 0)::bigint as longest
from (
  values ('none', 0, 0), ('1', 1, 1), ('2', 2, 2), ('3-6', 3, 6), ('7-13', 7, 13),
    ('14-29', 14, 29), ('30-99', 30, 99), ('100+', 100, null)
) b(label, first, last)
left join learn.streak_distribution s
  on s.days >= b.first and (s.days <= b.last or b.last is null)
group by b.label, b.first
order by b.first
""",
}
