"""dbtool rollback"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from toolkit.context import Context
from toolkit.options import (
    json_option,
    limit_options,
    pass_context,
    target_options,
    yes_option,
    yes_production_option,
)
from toolkit.output import say
from toolkit.sql.limits import Limits

if TYPE_CHECKING:
    from toolkit.history.history import Applied


@click.command("rollback")
@click.option(
    "--to", metavar="VERSION", help="Keep this one: a migration's number, `schema`, or 0 for nothing."
)
@click.option("--steps", type=click.IntRange(min=1), help="Undo this many. Default: 1.")
@limit_options
@yes_option
@yes_production_option
@target_options
@json_option
@pass_context
def command(context: Context, to: str | None, steps: int | None, limits: Limits) -> None:
    """Undo migrations from the newest down, each in one transaction.

    Nothing is undone when the rollback file of one of them is missing. `--to 0` leaves no trace.
    """
    from toolkit import output
    from toolkit.confirm import confirm
    from toolkit.history import migrations

    context.announce()

    def ask(plan: Sequence[Applied]) -> None:
        confirm(context, f"Undo {', '.join(applied.id for applied in plan)}", "nothing was undone")

    undone = migrations.rollback(
        context.connect,
        context.project,
        to=to,
        steps=steps,
        limits=limits,
        report=output.reporter(as_json=context.as_json),
        confirm=ask,
    )
    if context.as_json:
        output.print_json({"target": context.target().label, "undone": [applied.id for applied in undone]})
    elif not undone:
        say("nothing to undo")
