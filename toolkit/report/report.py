"""A page of numbers for a product owner: what Laurel's views of analytics say, with pictures and tables.

One HTML file without a script and without a request: it can be mailed, printed, and opened in ten years.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit import __version__
from toolkit.errors import DbtoolError
from toolkit.report import charts
from toolkit.report.queries import QUERIES, VIEWS

if TYPE_CHECKING:
    from psycopg import Connection

Rows = list[dict[str, Any]]
TEMPLATE = "report.html.j2"
SHOWN_WEEKS = (1, 2, 4, 8)
"""The weeks of a cohort in the table: a phone has no room for more."""


@dataclass(frozen=True)
class Numbers:
    """All that a report tells, of one moment."""

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
    return {
        "daily_rows": [
            (_day(row["day"]), _number(row["active"]), _number(row["new"]))
            for row in reversed(rows["daily"][-14:])
        ],
        "weekly_rows": [
            (_day(row["week"]), _number(row["active"]), _number(row["new"]))
            for row in reversed(rows["weekly"])
        ],
        "source_rows": [(_words(source), _number(xp)) for source, xp in _sources(rows["xp"])],
        "source_names": [_words(source) for source, _ in _sources(rows["xp"])],
        "streak_rows": [
            (row["label"].capitalize(), _number(row["now"]), _number(row["longest"]))
            for row in rows["streaks"]
        ],
        "badge_rows": [
            (row["name"], row["rarity"], _number(row["holders"]), _share(row["share"]))
            for row in rows["badges"]
            if row["holders"]
        ],
        "never_earned": [row for row in rows["badges"] if not row["holders"]],
    }


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
