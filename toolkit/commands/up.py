"""dbtool up"""

from __future__ import annotations

from functools import partial

import click

from toolkit.connection import connect
from toolkit.context import Context
from toolkit.options import json_option, pass_context, project_option
from toolkit.output import say


@click.command("up")
@click.argument("systems", metavar="[SYSTEM]...", nargs=-1)
@click.option("--demo", is_flag=True, help="Add sample content and learners.")
@project_option
@json_option
@pass_context
def command(context: Context, systems: tuple[str, ...], demo: bool) -> None:
    """Start the embedded server, migrate, seed, show the status.

    The server keeps its data in .dbtool/ beside the project and listens on a private Unix socket only. The
    database is app. With names, each SYSTEM gets a database of its name with its seeds alone; the project's
    default system is the one of app. Run it again at any time: it brings the databases up to date, also where
    migrations that no release has yet were amended: rows stay.
    """
    from toolkit import output
    from toolkit.history import migrations, seeds
    from toolkit.invocation import embedded_only, program_name
    from toolkit.live.follow import follow
    from toolkit.servers.choose import EmbeddedServer

    overruled = embedded_only(context)
    seeds.plan(context.project, systems)  # all of them are known
    default = seeds.default_system(context.project)
    databases = {name if name != default else "app": [name] for name in systems} or {"app": []}
    report = output.reporter(as_json=context.as_json)
    server = EmbeddedServer(context.embedded_home)
    was_running = server.start(report.notice)
    state = "runs already" if was_running else "started"
    say(f"PostgreSQL {server.binaries.version} {state} in {server.home}", err=context.as_json)

    applied: list[str] = []
    for database, names in databases.items():
        server.ensure_database(database)
        url = server.url(database)
        if systems:
            say(f"database {database}", err=context.as_json)
        connect_to = partial(connect, url, application_name="dbtool up")
        follow(connect_to, context.project, report)
        migrations.migrate(connect_to, context.project, report=report)
        with connect_to() as connection:
            seeds.seed(connection, context.project, names, demo=demo, report=report)
            connection.autocommit = True
            applied = [entry.id for entry in migrations.status(connection, context.project)]
        if not context.as_json:
            say(f"up to date: {len(applied)} scripts applied, the newest is {applied[-1]}")
            choice = "" if database == "app" else f" --database {database}"
            option = f" --database-url '{url}'" if overruled else choice
            say(f"shell: {program_name()} psql{option}")
            say(f"URL: {url}")
    if context.as_json:
        urls = {database: server.url(database) for database in databases}
        shown = {"url": next(iter(urls.values())), "was_running": was_running, "applied": applied}
        output.print_json({**shown, "databases": urls} if systems else shown)
