"""dbtool history"""

from __future__ import annotations

import dataclasses

import click

from toolkit.context import Context
from toolkit.options import json_option, pass_context, target_options
from toolkit.output import say

STYLES = {"undone": "yellow", "stopped": "red"}


@click.command("history")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="Show the newest N only.")
@target_options
@json_option
@pass_context
def command(context: Context, limit: int | None) -> None:
    """Show who applied and undid what, when, and how long it took.

    Oldest first: the role that connected, the user of the system, seconds, and the version of dbtool. Writes
    nothing.
    """
    from toolkit.history.history import read_events
    from toolkit.output import print_json, print_table

    with context.connect() as connection:
        found = read_events(connection)[-limit if limit else None :]
    if context.as_json:
        rows = [
            {**dataclasses.asdict(event), "happened_at": event.happened_at.isoformat()} for event in found
        ]
        print_json({"target": context.target().label, "events": rows})
        return
    if not found:
        say("nothing was done here yet")
        return
    headers = ("when", "what", "script", "role", "user", "seconds", "dbtool", "detail")
    table = [
        (
            f"{event.happened_at:%Y-%m-%d %H:%M:%S %Z}",
            event.operation,
            event.script,
            event.by_role or "-",
            event.by_user or "-",
            "-" if event.seconds is None else f"{event.seconds:.2f}",
            event.dbtool_version or "-",
            event.detail or "",
        )
        for event in found
    ]
    print_table(headers, table, [STYLES.get(event.operation, "green") for event in found])
