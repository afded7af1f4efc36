"""dbtool new"""

from __future__ import annotations

from datetime import date
from functools import partial

import click

from toolkit.context import Context
from toolkit.options import json_option, pass_context, project_option
from toolkit.output import say


@click.command("new")
@click.argument("description", required=False)
@click.option("--amend", is_flag=True, help="Only bring migrations that no release has to the sources.")
@click.option("--empty", is_flag=True, help="Write only the header, whatever the sources say.")
@click.option("--server", metavar="KIND", help="Where to try it: container, embedded or a superuser's URL.")
@project_option
@json_option
@pass_context
def command(context: Context, description: str | None, amend: bool, empty: bool, server: str | None) -> None:
    """Write the next migration from the changed sources, or amend those that no release has.

    migrationN.sql gets a frozen copy of every changed file below functions/, triggers/ and views/, in an
    order that works; migrationN.rollback.sql puts back what they replace. Both are run on a throwaway server
    first. When no source changed, the two files hold only the header, for you to fill.

    In a project that says which migration was `released` last, an object whose text no release has keeps one
    text: it is rewritten where it stands. `--amend` does that alone, and puts new objects there too.
    """
    from toolkit import output
    from toolkit.authoring import amending, generate
    from toolkit.connection import connect
    from toolkit.errors import UsageProblem
    from toolkit.history import migrations
    from toolkit.servers.choose import open_throwaway

    project = context.project
    if amend == (description is not None) or (amend and empty):
        raise UsageProblem("give a description, or --amend alone")
    amended = amending.NOTHING
    made = None
    with open_throwaway(server) as throwaway:
        if not empty and (amend or project.released is not None):
            throwaway.create_database("amend")
            connect_to = partial(connect, throwaway.url("amend"), application_name="dbtool new")
            amended = amending.amend(connect_to, project, with_new=amend)
        if description is not None and not amended.is_all:
            throwaway.create_database("new")
            connect_to = partial(connect, throwaway.url("new"), application_name="dbtool new")
            migrations.migrate(connect_to, project)
            with connect_to() as conn:
                made = generate.new_migration(conn, project, description, date.today(), empty=empty)
    written = [project.relative(path) for path in (made.path, made.rollback_path)] if made else []
    rewritten = [project.relative(path) for path in amended.files]
    labels = [*amended.changed, *amended.added, *(made.sources if made else ())]
    dropped = [*amended.removed, *(made.dropped if made else ())]
    if context.as_json:
        output.print_json({"files": written, "amended": rewritten, "sources": labels, "dropped": dropped})
        return
    for file in rewritten:
        say(f"amended {file}")
    for file in written:
        say(f"wrote {file}")
    for label in labels:
        say(f"  with {label}")
    for name in dropped:
        say(f"  drops {name}")
    if amend and not rewritten:
        say("nothing to amend: the unreleased migrations are what the sources say")
    elif made and not made.sources and not made.dropped and not empty:
        say("no source changed: write the SQL into both files")
