"""dbtool baseline"""

from __future__ import annotations

import click

from toolkit.context import Context
from toolkit.options import json_option, pass_context, target_options, wait_option
from toolkit.output import say


@click.command("baseline")
@click.argument("version")
@click.option("--force", is_flag=True, help="Adopt it although it differs.")
@click.option("--server", metavar="KIND", help="Where to build it: container, embedded or a superuser's URL.")
@wait_option
@target_options
@json_option
@pass_context
def command(context: Context, version: str, force: bool, server: str | None, wait: float) -> None:
    """Adopt a database that was built without dbtool: VERSION is the migration that it has reached.

    The history is written, nothing is run. Refused with exit code 4, showing every difference, when the
    catalog is not what the schema and the migrations up to VERSION build on a throwaway server, and when
    dbtool has applied something already. VERSION may be `schema`.
    """
    from toolkit import output
    from toolkit.live.verify import baseline

    adopted = baseline(
        context.connect,
        context.project,
        version,
        force=force,
        server=server,
        url=context.target().url,
        wait=wait,
        report=output.reporter(as_json=context.as_json),
    )
    label, scripts = context.target().label, [script.id for script in adopted.scripts]
    if context.as_json:
        ignored = [each.as_json() for each in adopted.ignored]
        output.print_json({"target": label, "adopted": scripts, "ignored": ignored})
        return
    for each in adopted.ignored:
        say(f"let pass: {each}")
    say(f"adopted {label} at {scripts[-1]}: {len(scripts)} scripts count as applied, none was run")
