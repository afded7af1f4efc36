"""dbtool squash"""

from __future__ import annotations

import click

from toolkit.context import Context
from toolkit.options import json_option, pass_context, project_option
from toolkit.output import say


@click.command("squash")
@click.argument("version")
@click.option("--dry-run", is_flag=True, help="Prove that it can be done; write nothing.")
@click.option("--server", metavar="KIND", help="Where to prove it: container, embedded or a superuser's URL.")
@project_option
@json_option
@pass_context
def command(context: Context, version: str, dry_run: bool, server: str | None) -> None:
    """Put schema.sql and the migrations up to VERSION together into one schema.sql.

    On a throwaway server it is proven to build the same catalog and the same rows. The migrations and their
    rollbacks are removed; version control keeps them. A database that has all of them goes on as before with
    the migrations that follow; one that has only some is refused until it has them.
    """
    from toolkit import output
    from toolkit.authoring.squash import squash, write
    from toolkit.servers.choose import open_throwaway

    project = context.project
    with open_throwaway(server) as throwaway:
        squashed = squash(project, version, throwaway)
    replaced = [project.relative(script.path) for script in squashed.replaced]
    if not dry_run:
        write(project, squashed)
    if context.as_json:
        output.print_json({"written": not dry_run, "replaced": replaced})
        return
    done = "would be" if dry_run else "are"
    say(f"{len(replaced)} migrations {done} in schema.sql now, up to {replaced[-1]}")
    say("it builds the same catalog and the same rows")
