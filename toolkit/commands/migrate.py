"""dbtool migrate"""

from __future__ import annotations

from typing import Any

import click

from toolkit.commands import _fleet as fleet
from toolkit.context import Context
from toolkit.options import fleet_options, json_option, limit_options, pass_context, target_options
from toolkit.output import say
from toolkit.sql.limits import Limits


@click.command("migrate")
@click.option("--to", metavar="VERSION", help="Stop at this one: a migration's number, or `schema`.")
@click.option("--dry-run", is_flag=True, help="Show what would be applied; write nothing.")
@click.option("--allow-late", is_flag=True, help="Apply migrations below the newest applied one too.")
@limit_options
@fleet_options
@target_options
@json_option
@pass_context
def command(
    context: Context, to: str | None, dry_run: bool, allow_late: bool, limits: Limits, jobs: int
) -> None:
    """Apply schema.sql and the migrations in numeric order.

    Each file runs in one transaction that also marks it as applied, unless its first line says
    `-- transactional: false`. What waits too long for a lock is rolled back and tried again.
    """
    from toolkit import output
    from toolkit.history import migrations

    if context.is_fleet:
        fleet.run(context, jobs, _in_short)
        return
    context.announce()
    scripts = migrations.migrate(
        context.connect,
        context.project,
        to=to,
        dry_run=dry_run,
        allow_late=allow_late,
        limits=limits,
        report=output.reporter(as_json=context.as_json),
    )
    if context.as_json:
        key = "would_apply" if dry_run else "applied"
        output.print_json({"target": context.target().label, key: [script.id for script in scripts]})
    elif dry_run:
        for script in scripts:
            how = "" if script.transactional else ", without transaction"
            say(f"would apply {script.id} ({context.project.relative(script.path)}{how})")
    if not scripts and not context.as_json:
        reached = "is up to date" if to is None else f"has everything up to {to}"
        say(f"nothing to apply: {context.target().label} {reached}")


def _in_short(answer: Any) -> str:
    done = "would apply" if "would_apply" in answer else "applied"
    scripts = answer.get("would_apply", answer.get("applied"))
    return f"{done} {', '.join(scripts)}" if scripts else "nothing to apply"
