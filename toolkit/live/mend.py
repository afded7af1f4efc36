"""The SQL that would bring one object of a database to what it should be.

Each statement carries a phase, so that those of several objects can be put into an order that works: what
goes, goes before what comes, and nothing comes before what it stands on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.catalog.read import Catalog, Difference, Key
from toolkit.live.mend_alter import alter
from toolkit.live.mend_columns import COLUMN_OWNERS, alter_column
from toolkit.live.mend_create import columns, create, drop
from toolkit.live.mend_grants import bare, common
from toolkit.live.mend_kinds import ORDER

Facts = Mapping[str, Any]
Step = tuple[int, str]
"""Phase and statement."""

_LAST = 1000


def mend(difference: Difference, want: Catalog, have: Catalog) -> list[Step]:
    """What turns the object from what `have` says into what `want` says; nothing when no SQL can do that."""
    key = (difference.kind, difference.identity)
    wanted, had = want.facts(key), have.facts(key)
    if key not in want.objects:
        return [(_dropping(key), text) for text in drop(key, had, have)]
    if key not in have.objects:
        return _make(key, want)
    if _must_be_made_again(key, want, have):
        return [(_dropping(key), text) for text in drop(key, had, have)] + _make(key, want)
    steps = [(_making(key, wanted), text) for text in alter(key, wanted, had)]
    return steps + [(_LAST, text) for text in common(key, wanted, had)]


def _make(key: Key, want: Catalog) -> list[Step]:
    """What makes an object from nothing, with what belongs to it alone."""
    facts = want.facts(key)
    steps = [(_making(key, facts), text) for text in create(key, facts, want)]
    steps += [(_LAST, text) for text in common(key, facts, bare(key, facts))]
    if key[0] in COLUMN_OWNERS:
        for name, column in columns(key[1], want):
            own = ("column", f"{key[1]}.{name}")
            if key[0] == "table":
                plain = {**column, "compression": "", "statistics target": None, "options": None}
                steps += [(_making(own, column), text) for text in alter_column(own[1], column, plain)]
            steps += [(_LAST, text) for text in common(own, column, {"comment": None})]
    if key[0] == "materialized view":
        indexes = [
            each for each in want.objects if each[0] == "index" and want.facts(each)["table"] == key[1]
        ]
        steps += [step for index in indexes for step in _make(index, want)]
    return steps


def _making(key: Key, facts: Facts) -> int:
    rank = ORDER.index(key[0]) if key[0] in ORDER else len(ORDER)
    is_late = key[0] == "constraint" and str(facts.get("definition", "")).startswith("FOREIGN KEY")
    return 100 + 10 * rank + (5 if is_late else 0)


def _dropping(key: Key) -> int:
    return len(ORDER) - (ORDER.index(key[0]) if key[0] in ORDER else len(ORDER))


def _must_be_made_again(key: Key, want_all: Catalog, have_all: Catalog) -> bool:
    """Whether what differs cannot be altered in place."""
    kind = key[0]
    want, had = want_all.facts(key), have_all.facts(key)
    if kind == "view":
        new, old = ([(n, c["type"]) for n, c in columns(key[1], each)] for each in (want_all, have_all))
        return new[: len(old)] != old
    if kind in ("constraint", "index", "policy", "rule", "trigger", "statistics", "event trigger"):
        names = {"definition", "command", "permissive", "using", "check", "event", "function", "tags"}
        return any(want.get(name) != had.get(name) for name in names)
    if kind in ("function", "procedure"):
        return _head(want) != _head(had)
    if kind == "column":
        return want["generated"] != had["generated"] or (
            bool(want["generated"]) and want["default"] != had["default"]
        )
    if kind in ("aggregate", "range"):
        return any(want.get(name) != had.get(name) for name in ("aggregate", "range"))
    return kind == "materialized view" and want["definition"] != had["definition"]


def _head(facts: Facts) -> str:
    """A routine's name, arguments and result, which CREATE OR REPLACE cannot change."""
    return str(facts["definition"]).split("\n LANGUAGE", 1)[0]
