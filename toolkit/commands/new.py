"""dbtool new"""

from __future__ import annotations

from datetime import date
from functools import partial

import click

from toolkit.context import Context
from toolkit.options import json_option, pass_context, project_option


@click.command("new")
@click.argument("description")
@click.option("--empty", is_flag=True, help="Write only the header, whatever the sources say.")
@click.option("--server", metavar="KIND", help="Where to try it: container, embedded or a superuser's URL.")
@project_option
@json_option
@pass_context
def command(context: Context, description: str, empty: bool, server: str | None) -> None:
    """Write the next migration from the changed sources.

    migrationN.sql gets a frozen copy of every changed file below functions/, triggers/ and views/, in an
    order that works; migrationN.rollback.sql puts back what they replace. Both are run on a throwaway server
    first. When no source changed, the two files hold only the header, for you to fill.
    """
    from toolkit import output
    from toolkit.authoring import generate
    from toolkit.connection import connect
    from toolkit.history import migrations
    from toolkit.servers.choose import open_throwaway

    with open_throwaway(server) as throwaway:
        throwaway.create_database("new")

        connect_to = partial(connect, throwaway.url("new"), application_name="dbtool new")
        migrations.migrate(connect_to, context.project)
        with connect_to() as conn:
            made = generate.new_migration(conn, context.project, description, date.today(), empty=empty)
    files = [context.project.relative(path) for path in (made.path, made.rollback_path)]
    if context.as_json:
        output.print_json({"files": files, "sources": made.sources, "dropped": made.dropped})
        return
    for file in files:
        click.echo(f"wrote {file}")
    for label in made.sources:
        click.echo(f"  with {label}")
    for name in made.dropped:
        click.echo(f"  drops {name}")
    if not made.sources and not made.dropped and not empty:
        click.echo("no source changed: write the SQL into both files")
