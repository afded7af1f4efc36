"""dbtool status"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from toolkit.commands import _fleet as fleet
from toolkit.context import Context
from toolkit.errors import PendingMigrations
from toolkit.options import fleet_options, json_option, pass_context, target_options

if TYPE_CHECKING:
    from toolkit.states import ScriptState

STYLES = {"applied": "green", "pending": "yellow"}


@click.command("status")
@fleet_options
@target_options
@json_option
@pass_context
def command(context: Context, jobs: int) -> None:
    """Show what is applied, pending, edited, missing or late: one line each.

    Exit code 3 when something is pending, 4 when something is edited, missing or late. Writes nothing.
    """
    from toolkit.output import print_json, print_table
    from toolkit.states import PENDING, refuse_problems, status

    if context.is_fleet:
        fleet.run(context, jobs, _in_short)
        return
    project = context.project
    with context.connect() as connection:
        states = status(connection, project)
    if context.as_json:
        scripts = [_as_json(context, entry) for entry in states]
        print_json({"target": context.target().label, "scripts": scripts})
    else:
        rows = [_as_row(context, entry) for entry in states]
        styles = [STYLES.get(entry.state, "red") for entry in states]
        print_table(("state", "script", "applied at", "file"), rows, styles)
    refuse_problems(states, project)
    pending = sum(entry.state == PENDING for entry in states)
    if pending:
        raise PendingMigrations(
            f"{pending} pending on {context.target().label}", hint="Run `dbtool migrate`."
        )


def _as_row(context: Context, entry: ScriptState) -> tuple[str, str, str, str]:
    applied_at = f"{entry.applied_at:%Y-%m-%d %H:%M:%S %Z}" if entry.applied_at else "-"
    return entry.state, entry.id, applied_at, context.project.relative(entry.path) if entry.path else "-"


def _as_json(context: Context, entry: ScriptState) -> dict[str, Any]:
    return {
        "id": entry.id,
        "number": entry.number,
        "state": entry.state,
        "applied_at": entry.applied_at.isoformat() if entry.applied_at else None,
        "file": context.project.relative(entry.path) if entry.path else None,
        "diff": entry.diff,
    }


def _in_short(answer: Any) -> str:
    states = Counter(entry["state"] for entry in answer["scripts"])
    return ", ".join(f"{number} {state}" for state, number in states.items())
