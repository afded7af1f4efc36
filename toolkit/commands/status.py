"""dbtool status"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from toolkit.commands import _fleet as fleet
from toolkit.context import Context
from toolkit.errors import PendingMigrations
from toolkit.options import fleet_options, json_option, pass_context, target_options
from toolkit.output import say

if TYPE_CHECKING:
    from toolkit.history.status import ScriptState
    from toolkit.history.stepwise import Unfinished

STYLES = {"applied": "green", "pending": "yellow", "running": "yellow"}


@click.command("status")
@fleet_options
@target_options
@json_option
@pass_context
def command(context: Context, jobs: int) -> None:
    """Show what is applied, pending, edited, missing, late or unfinished: one line each.

    Exit code 3 when something is pending, 4 when something is edited, missing, late or unfinished. Tells of
    invalid indexes. Writes nothing.
    """
    from toolkit.history.leftovers import invalid_indexes
    from toolkit.history.status import PENDING, RUNNING, refuse_problems, status
    from toolkit.output import print_json, print_table

    if context.is_fleet:
        fleet.run(context, jobs, _in_short)
        return
    project = context.project
    with context.connect() as connection:
        states = status(connection, project)
        invalid = invalid_indexes(connection)
    if context.as_json:
        scripts = [_as_json(context, entry) for entry in states]
        indexes = [{"index": each.identity, "table": each.table, "drop": each.drop} for each in invalid]
        print_json({"target": context.target().label, "scripts": scripts, "invalid_indexes": indexes})
    else:
        rows = [_as_row(context, entry) for entry in states]
        styles = [STYLES.get(entry.state, "red") for entry in states]
        print_table(("state", "script", "applied at", "file"), rows, styles)
        for index in invalid:
            say(f"warning: {index}", err=True)
    refuse_problems(states, project)
    pending = sum(entry.state in (PENDING, RUNNING) for entry in states)
    if pending:
        raise PendingMigrations(
            f"{pending} pending on {context.target().label}", hint="Run `dbtool migrate`."
        )


def _as_row(context: Context, entry: ScriptState) -> tuple[str, str, str, str]:
    applied_at = f"{entry.applied_at:%Y-%m-%d %H:%M:%S %Z}" if entry.applied_at else "-"
    file = context.project.relative(entry.path) if entry.path else "-"
    if entry.unfinished:
        file += f" (statement {entry.unfinished.reached} of {entry.unfinished.statements})"
    return entry.state, entry.id, applied_at, file


def _as_json(context: Context, entry: ScriptState) -> dict[str, Any]:
    return {
        "id": entry.id,
        "number": entry.number,
        "state": entry.state,
        "applied_at": entry.applied_at.isoformat() if entry.applied_at else None,
        "file": context.project.relative(entry.path) if entry.path else None,
        "diff": entry.diff,
        "unfinished": _stop_as_json(entry.unfinished) if entry.unfinished else None,
    }


def _stop_as_json(unfinished: Unfinished) -> dict[str, Any]:
    return {
        "statement": unfinished.reached,
        "statements": unfinished.statements,
        "kept": unfinished.kept,
        "line": unfinished.line,
        "error": unfinished.error,
        "is_undo": unfinished.is_undo,
    }


def _in_short(answer: Any) -> str:
    states = Counter(entry["state"] for entry in answer["scripts"])
    return ", ".join(f"{number} {state}" for state, number in states.items())
