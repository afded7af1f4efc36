"""Bringing a development database along when migrations that no release has were amended or regrouped.

What is in its tables stays. Functions, triggers and views take the text of their sources; tables take what
can be added; the history says afterwards what the files say. Where rows would be lost, nothing is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import psycopg

from ..authoring import drift
from ..authoring.drift import Unsettled, settle
from ..catalog.read import read as read_catalog
from ..errors import DbtoolError
from ..history.history import ADOPTED, FORGOTTEN, History
from ..history.lock import exclusive
from ..history.migrations import LIMITS
from ..history.run import Connect, session
from ..history.status import EDITED, LATE, MISSING, status
from ..project import sources
from ..sql.execute import exists, send
from .verify import Drifted, differences_from

if TYPE_CHECKING:
    from ..output import Reporter
    from ..project.layout import Project
    from ..sql.execute import Connection

_OF_SOURCES = ("function", "procedure", "aggregate", "view", "materialized view", "trigger", "event trigger")
_HOLDS_ROWS = ("table", "column", "sequence", "materialized view")


def follow(connect: Connect, project: Project, report: Reporter) -> bool:
    """Brings the database to what all scripts of the project build; whether anything had to be done.

    Only where the history and the files contradict each other, and only in scripts that no release has.
    Raises DbtoolError, and changes nothing, when rows would be lost or a difference remains.
    """
    released = project.released
    if released is None:
        return False
    with session(connect, report) as connection:
        troubled = [each for each in status(connection, project) if each.state in (EDITED, MISSING, LATE)]
        if not troubled or any(each.number <= released for each in troubled):
            return False
        history = History(connection, project.history)
        with exclusive(connection, LIMITS.wait, report.waiting, project.history), history.transaction():
            _bring_along(connection, project)
            for applied in history.read():
                history.unmark(applied.stem, operation=FORGOTTEN)
            for each in project.scripts():
                history.mark(each, 0, ADOPTED)
    names = ", ".join(each.id for each in troubled)
    report.notice(f"brought along, since their files changed: {names}")
    report.notice("rows that these files insert were left as they are (dbtool down --destroy starts over)")
    return True


def _bring_along(connection: Connection, project: Project) -> None:
    texts = project.texts()
    before = differences_from(connection, texts)
    tables = [each for each in before if each.difference.kind not in _OF_SOURCES]
    lost = [each for each in tables if _loses_rows(connection, each)]
    if lost:
        raise _refused("rows would be lost", lost)
    if tables:
        _run(connection, tables)
    _settle(connection, project)
    left = [each for each in differences_from(connection, texts) if not _is_only_order(each)]
    if left:
        raise _refused("differences would remain", left)


def _run(connection: Connection, drifted: Sequence[Drifted]) -> None:
    steps = sorted((step for each in drifted for step in each.mending.steps), key=lambda step: step[0])
    gone = [_drop(each) for each in drifted if each.difference.change == "added" and not each.sql]
    outcome = send(connection, "\n".join(dict.fromkeys([*(text for _, text in steps), *filter(None, gone)])))
    if outcome.error is not None:
        raise _refused(str(outcome.error.diag.message_primary), drifted)


def _drop(drifted: Drifted) -> str | None:
    """What takes an empty table or column away, which verify leaves to people."""
    identity = drifted.difference.identity
    if drifted.difference.kind == "column":
        table, _, column = identity.rpartition(".")
        return f"alter table {table} drop column {column};"
    return f"drop table {identity};" if drifted.difference.kind == "table" else None


def _settle(connection: Connection, project: Project) -> None:
    found = sources.read(project)
    found.require_readable()
    by_name = found.by_name()
    try:
        changes = drift.compare(connection, found, read_catalog(connection))
        settle(connection, changes.changed, changes.surplus, lambda item: by_name.get(item.name))
    except (Unsettled, psycopg.Error) as error:
        raise DbtoolError(
            "the database could not be brought along: the sources do not run on it; nothing was changed",
            detail=str(error),
            hint="`dbtool down --destroy`, then `dbtool up`, builds it again, without the rows that it has.",
        ) from error


def _loses_rows(connection: Connection, drifted: Drifted) -> bool:
    """Whether mending takes away a table or column that holds something."""
    each = drifted.difference
    if each.change != "added" or each.kind not in _HOLDS_ROWS:
        return False
    table = each.identity.rpartition(".")[0] if each.kind == "column" else each.identity
    return exists(connection, f"select from {table} limit 1")


def _is_only_order(drifted: Drifted) -> bool:
    """Whether a column stands elsewhere in its table, and nothing else is different."""
    return all(line.startswith("position:") for line in drifted.difference.details or ("",))


def _refused(why: str, drifted: Iterable[Drifted]) -> DbtoolError:
    lines = [
        f"{each.difference.kind} {each.difference.identity}: {each.difference.change}" for each in drifted
    ]
    return DbtoolError(
        f"the database could not be brought along: {why}; nothing was changed",
        detail="\n".join(lines[:20] + [f"and {len(lines) - 20} more"] * (len(lines) > 20)),
        hint="`dbtool down --destroy`, then `dbtool up`, builds it again, without the rows that it has.",
    )
