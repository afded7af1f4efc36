"""The pictures of a report: Vega-Lite specifications, drawn to SVG.

vl-convert (BSD-3-Clause, of the Vega project) draws them here, so that the page needs no script: a report is
about 300 kB, where plotly.js alone has 4,800 kB and Vega's own bundle 900 kB. Colours are variables of
the page's style, which is how one picture serves light and dark. Text cannot shrink with a picture and stay
legible, so each is drawn twice: for a desk and for a phone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DbtoolError

Rows = Sequence[Mapping[str, Any]]
Spec = dict[str, Any]

WIDTHS = {"wide": 560, "narrow": 304}
"""Pixels from the left edge of a picture to its right one."""
STAGES = ("enrolled", "started", "25 %", "50 %", "75 %", "completed")
HEAT = (0.1, 0.25, 0.4, 0.6, 0.8)
"""Shares from which a cell of the heat map has the next colour."""
MOST_BARS = 12

_CONFIG: Spec = {
    "background": None,
    "aria": False,  # the page describes its pictures
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "ticks": False,
        "gridColor": "var(--grid)",
        "labelColor": "currentColor",
        "labelFontSize": 12,
        "labelPadding": 6,
        "title": None,
    },
}
_DAY: Spec = {
    "type": "temporal",
    "timeUnit": "utcyearmonthdate",
    "axis": {"grid": False, "format": "%-d %b", "labelOverlap": True, "labelSeparation": 8},
}
_COUNT: Spec = {"type": "quantitative", "axis": {"tickCount": 4, "format": ",~f", "tickMinStep": 1}}


def daily(rows: Rows) -> Spec:
    """Active learners per day as an area, new ones as a line."""
    values = [
        {"day": row["day"], "kind": kind, "learners": row[kind]} for row in rows for kind in ("active", "new")
    ]
    lines: Spec = {
        "x": {"field": "day", **_DAY},
        "y": {"field": "learners", "stack": None, **_COUNT},
        "color": _colors("kind", ("active", "new")),
    }
    return _spec(
        values,
        height=220,
        layer=[
            {"mark": {"type": "area", "opacity": 0.16}, "encoding": lines},
            {"mark": {"type": "line", "strokeWidth": 2}, "encoding": lines},
        ],
    )


def weekly(rows: Rows) -> Spec:
    """Active learners per week; the current one is paler, since it is not over."""
    return _spec(
        rows,
        height=220,
        mark={"type": "bar", "color": "var(--c1)", "cornerRadiusEnd": 3, "width": {"band": 0.75}},
        encoding={
            "x": {"field": "week", **_ordinal_day()},
            "y": {"field": "active", **_COUNT},
            "opacity": {"condition": {"test": "datum.is_unfinished", "value": 0.45}, "value": 1},
        },
    )


def retention(rows: Rows) -> Spec:
    """Share of each cohort that was active so many weeks later, as a heat map."""
    cells: Spec = {
        "x": {"field": "weeks", "type": "ordinal", "axis": {"labelAngle": 0, "orient": "top"}},
        "y": {"field": "cohort", **_ordinal_day()},
    }
    heat = {"type": "threshold", "domain": HEAT, "range": [f"var(--h{n})" for n in range(len(HEAT) + 1)]}
    return _spec(
        [{**row, "percent": 100 * row["share"]} for row in rows],
        height={"step": 24},
        layer=[
            {
                "mark": {"type": "rect", "stroke": "var(--card)", "strokeWidth": 2, "cornerRadius": 3},
                "encoding": {
                    **cells,
                    "color": {"field": "share", "type": "quantitative", "scale": heat, "legend": None},
                },
            },
            {
                "mark": {"type": "text", "fontSize": 10},
                "encoding": {
                    **cells,
                    "text": {"field": "percent", "type": "quantitative", "format": ".0f"},
                    "color": {
                        "condition": {"test": f"datum.share >= {HEAT[2]}", "value": "var(--on-hot)"},
                        "value": "var(--on-cold)",
                    },
                },
            },
        ],
    )


def funnel(rows: Rows) -> Spec:
    """Where the learners of each course or track stand now: a bar of 100 % per title."""
    shown = rows[:MOST_BARS]
    values = []
    for place, row in enumerate(shown):
        reached = [row[key] for key in ("enrolled", "started", "reached_25", "reached_50", "reached_75")]
        reached.append(row["completed"])
        for number, (here, further) in enumerate(zip(reached, [*reached[1:], 0], strict=True)):
            share = (here - further) / row["enrolled"]
            values.append({"place": place, "stage": STAGES[number], "order": number, "share": share})
    return _titled(
        values,
        [row["title"] for row in shown],
        {
            "x": {
                "field": "share",
                "type": "quantitative",
                "scale": {"domain": [0, 1]},
                "axis": {"format": "%", "tickCount": 4},
            },
            "order": {"field": "order", "type": "quantitative"},
            "color": _colors("stage", STAGES, "f"),
        },
    )


def badges(rows: Rows) -> Spec:
    """Share of all learners who hold each achievement, the commonest first."""
    shown = [row for row in rows if row["holders"]][:MOST_BARS]
    return _titled(
        [{**row, "place": place} for place, row in enumerate(shown)],
        [row["name"] for row in shown],
        {
            "x": {"field": "share", "type": "quantitative", "axis": {"format": "~%", "tickCount": 4}},
            "color": {"value": "var(--c3)"},
        },
    )


def xp(rows: Rows) -> Spec:
    """XP per week, by what paid it; what was taken back lies below the axis."""
    sources = dict(sorted({row["rank"]: row["source"] for row in rows}.items()))
    return _spec(
        rows,
        height=220,
        mark={"type": "bar", "width": {"band": 0.75}},
        encoding={
            "x": {"field": "week", **_ordinal_day()},
            "y": {"field": "xp", "type": "quantitative", "axis": {"tickCount": 4, "format": ",~f"}},
            "order": {"field": "rank", "type": "quantitative"},
            "color": _colors("source", list(sources.values())),
        },
    )


def streaks(rows: Rows) -> Spec:
    """Learners by the length of their streak, now and at its longest; none is left to the table."""
    values = [
        {"label": row["label"], "kind": name, "learners": row[key]}
        for row in rows
        if row["days"]
        for name, key in (("now", "now"), ("longest", "longest"))
    ]
    return _spec(
        values,
        height=180,
        mark={"type": "bar", "cornerRadiusEnd": 3},
        encoding={
            "x": {
                "field": "label",
                "type": "nominal",
                "sort": None,
                "axis": {"labelAngle": 0, "grid": False},
            },
            "xOffset": {"field": "kind", "sort": ["now", "longest"]},
            "y": {"field": "learners", **_COUNT},
            "color": _colors("kind", ("now", "longest")),
        },
    )


def require() -> Any:
    """What draws the pictures. Raises DbtoolError where it is missing."""
    try:
        import vl_convert
    except ImportError as error:
        raise DbtoolError(
            "dbtool report needs vl-convert, which is not installed",
            hint="pip install 'laurel-dbtool[report]', or pip install vl-convert-python",
        ) from error
    return vl_convert


def draw(spec: Spec, width: int) -> str:
    """A specification as an SVG element of so many pixels. Raises DbtoolError where vl-convert is missing."""
    sized = {**spec, "width": width}
    return str(require().vegalite_to_svg(json.dumps(sized, default=str)))


def _spec(values: Rows, **parts: Any) -> Spec:
    return {
        "data": {"values": [dict(row) for row in values]},
        "autosize": {"type": "fit-x", "contains": "padding"},
        "padding": 2,
        "config": _CONFIG,
        **parts,
    }


def _colors(field: str, names: Sequence[str], prefix: str = "c") -> Spec:
    numbers = range(len(names)) if prefix == "f" else range(1, len(names) + 1)
    colors = [f"var(--{prefix}{number})" for number in numbers]
    scale = {"domain": list(names), "range": colors}
    return {"field": field, "type": "nominal", "scale": scale, "legend": None}  # legends are the page's


def _ordinal_day() -> Spec:
    axis = {**_DAY["axis"], "labelAngle": 0}
    return {"type": "ordinal", "timeUnit": "utcyearmonthdate", "axis": axis}


def _titled(values: Rows, titles: Sequence[str], encoding: Spec) -> Spec:
    """Bars from left to right with their titles above them, where a phone has room for these.

    Values name their title by its `place` in `titles`, since two may read the same.
    """
    places = list(range(len(titles)))
    place: Spec = {"field": "place", "type": "ordinal", "scale": {"domain": places}, "axis": None}
    text: Spec = {"align": "left", "baseline": "bottom", "dy": -3, "fontSize": 12, "fill": "currentColor"}
    text["limit"] = {"expr": "0.85 * width"}  # the page's font may be a wider one
    return _spec(
        values,
        height={"step": 40},
        layer=[
            {"mark": {"type": "bar", "height": 14, "yOffset": 7}, "encoding": {"y": place, **encoding}},
            {
                "data": {"values": [{"place": number, "title": titles[number]} for number in places]},
                "mark": {"type": "text", **text},
                "encoding": {"x": {"value": 0}, "y": place, "text": {"field": "title"}},
            },
        ],
    )
