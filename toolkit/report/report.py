"""A page of numbers for a product owner: what Laurel's views of analytics say, with pictures and tables.

One HTML file without a script and without a request: it can be mailed, printed, and opened in ten years.
"""
# ruff: noqa: S608  the parts put into the SQL are constants

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..errors import DbtoolError
from . import charts

if TYPE_CHECKING:
    from psycopg import Connection
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


Rows = list[dict[str, Any]]
TEMPLATE = "report.html.j2"
SHOWN_WEEKS = (1, 2, 4, 8)
"""The weeks of a cohort in the table: a phone has no room for more."""


@dataclass(frozen=True)
class Numbers:
    """All that a report says, of one moment."""

    database: str
    """How the page names the database; holds no password."""
    days: int
    totals: Mapping[str, Any]
    rows: Mapping[str, Rows]
    """By the names in QUERIES."""

    def as_json(self) -> dict[str, Any]:
        """The same for programs; shares are 0 to 1."""
        return {"database": self.database, "days": self.days, "totals": self.totals, **self.rows}


def read(conn: Connection[Any], database: str, days: int) -> Numbers:
    """The numbers of the last `days` days, today included, all from one snapshot.

    Needs what `learn_readonly` may do. Raises DbtoolError where the views are not there or not to be read.
    """
    import psycopg
    from psycopg.rows import dict_row

    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    conn.read_only = True
    try:
        with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
            cursor.execute("set local datestyle = 'ISO'; set local timezone = 'UTC'")
            cursor.execute("select v from unnest(%s::text[]) v where to_regclass(v) is null", (list(VIEWS),))
            missing = [row["v"] for row in cursor.fetchall()]
            if missing:
                raise DbtoolError(
                    f"{database} has no numbers for a report",
                    detail="missing: " + ", ".join(missing),
                    hint="They are views of Laurel: `dbtool migrate` brings them into its databases.",
                )
            rows = {name: cursor.execute(query, {"days": days}).fetchall() for name, query in QUERIES.items()}
    except psycopg.errors.InsufficientPrivilege as error:
        raise DbtoolError(
            f"the numbers of {database} may not be read",
            detail=str(error).strip(),
            hint="Let an administrator run: grant learn_readonly to the role that you connect as.",
        ) from error
    (totals,) = rows.pop("totals")
    return Numbers(database, days, totals, rows)


def render(numbers: Numbers) -> str:
    """The page. Raises DbtoolError where vl-convert, which draws the pictures, is not installed."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=_number, share=_share, day=_day, moment=_moment)
    rows = numbers.rows
    return environment.get_template(TEMPLATE).render(
        numbers=numbers,
        totals=numbers.totals,
        version=__version__,
        pictures=_draw(rows),
        most_bars=charts.MOST_BARS,
        stages=charts.STAGES,
        courses=rows["courses"],
        tracks=rows["tracks"],
        badges=rows["badges"],
        cohorts=_cohorts(rows["retention"]),
        shown_weeks=SHOWN_WEEKS,
        **_tables(rows),
    )


def _tables(rows: Mapping[str, Rows]) -> dict[str, list[Any]]:
    """The cells of the plain tables, formatted; the latest days and weeks come first."""
    held = [row for row in rows["badges"] if row["holders"]]
    return {
        "daily_rows": _cells(rows["daily"][:-15:-1], day=_day, active=_number, new=_number),
        "weekly_rows": _cells(rows["weekly"][::-1], week=_day, active=_number, new=_number),
        "source_rows": [(_words(source), _number(xp)) for source, xp in _sources(rows["xp"])],
        "source_names": [_words(source) for source, _ in _sources(rows["xp"])],
        "streak_rows": _cells(rows["streaks"], label=str.capitalize, now=_number, longest=_number),
        "badge_rows": _cells(held, name=str, rarity=str, holders=_number, share=_share),
        "never_earned": [row for row in rows["badges"] if not row["holders"]],
    }


def _cells(rows: Rows, **columns: Callable[[Any], str]) -> list[tuple[str, ...]]:
    """These columns of the rows, each formatted in its way."""
    return [tuple(shown(row[name]) for name, shown in columns.items()) for row in rows]


def _draw(rows: Mapping[str, Rows]) -> dict[str, dict[str, str]]:
    """Of what has something to show: pictures by name and by width."""
    specs = {
        "daily": charts.daily(rows["daily"]) if _any(rows["daily"], "active", "new") else None,
        "weekly": charts.weekly(rows["weekly"]) if _any(rows["weekly"], "active") else None,
        "retention": charts.retention(rows["retention"]) if _any(rows["retention"], "active") else None,
        "courses": charts.funnel(rows["courses"]) if rows["courses"] else None,
        "tracks": charts.funnel(rows["tracks"]) if rows["tracks"] else None,
        "badges": charts.badges(rows["badges"]) if _any(rows["badges"], "holders") else None,
        "xp": charts.xp(rows["xp"]) if rows["xp"] else None,
        "streaks": charts.streaks(rows["streaks"]) if _any(rows["streaks"][1:], "now", "longest") else None,
    }
    return {
        name: {size: charts.draw(spec, width) for size, width in charts.WIDTHS.items()}
        for name, spec in specs.items()
        if spec
    }


def _any(rows: Sequence[Mapping[str, Any]], *keys: str) -> bool:
    return any(row[key] for row in rows for key in keys)


def _cohorts(rows: Rows) -> Rows:
    """One row per cohort: its size, and the shares in some of the weeks after; None: not over yet."""
    found: dict[date, dict[str, Any]] = {}
    for row in rows:
        entry = found.setdefault(row["cohort"], {"cohort": row["cohort"], "learners": row["learners"]})
        entry[f"week {row['weeks']}"] = None if row["is_unfinished"] else row["share"]
    return list(found.values())


def _sources(rows: Rows) -> list[tuple[str, int]]:
    """XP of the whole period by what paid it, the most first."""
    totals: dict[str, int] = {}
    for row in sorted(rows, key=lambda row: row["rank"]):
        totals[row["source"]] = totals.get(row["source"], 0) + row["xp"]
    return list(totals.items())


def _number(value: int | None) -> str:
    return "—" if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    """0.123 as 12.3 %; without the decimal from 10 % on where there is none."""
    if value is None:
        return "—"
    percent = float(value) * 100
    return f"{percent:.1f} %" if 0 < percent < 10 else f"{percent:.0f} %"


def _day(value: date, year: bool = True) -> str:
    return f"{value.day} {value:%b %Y}" if year else f"{value.day} {value:%b}"


def _moment(value: datetime) -> str:
    return f"{_day(value)}, {value:%H:%M %Z}"


def _words(value: str) -> str:
    """lesson_completed as Lesson completed."""
    return value.replace("_", " ").capitalize()
