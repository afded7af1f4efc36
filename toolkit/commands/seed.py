"""dbtool seed"""

from __future__ import annotations

import click

from toolkit.context import Context
from toolkit.options import json_option, pass_context, target_options, wait_option, yes_production_option
from toolkit.output import say


@click.command("seed")
@click.argument("systems", metavar="[SYSTEM]...", nargs=-1)
@click.option("--demo", is_flag=True, help="Add sample content and learners.")
@click.option("--mix", is_flag=True, help="Load a system into a database that holds another; no name: all.")
@wait_option
@yes_production_option
@target_options
@json_option
@pass_context
def command(context: Context, systems: tuple[str, ...], demo: bool, mix: bool, wait: float) -> None:
    """Load the reference data of the named systems; none named: of the one that the database holds.

    seeds/core comes first; each system is loaded in one transaction. It may be run again at any time. Where
    no seeds/seeds.toml says that a database holds one system, all are loaded when none is named.
    """
    from toolkit import output
    from toolkit.confirm import confirm_production
    from toolkit.history import seeds
    from toolkit.history.lock import refuse_transaction_pooling

    project = context.project
    context.announce()
    if demo:
        confirm_production(context, "Load sample content and learners", "nothing was loaded")
    with context.connect(autocommit=True) as connection:
        refuse_transaction_pooling(context.connect, connection)
        loaded = seeds.seed(
            connection,
            project,
            systems,
            demo=demo,
            mix=mix,
            wait=wait,
            report=output.reporter(as_json=context.as_json),
        )
    if context.as_json:
        listing = [
            {"system": entry.system, "files": [project.relative(path) for path in entry.files]}
            for entry in loaded
        ]
        output.print_json({"target": context.target().label, "seeded": listing})
    elif not loaded:
        say("nothing to seed: the project has no seeds/")
