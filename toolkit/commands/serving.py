"""The embedded server, shells and tests on servers of dbtool."""

from __future__ import annotations

import os
import sys
from functools import partial

import click
from click.shell_completion import get_completion_class

from .. import options
from ..connection import connect
from ..context import Context
from ..errors import DbtoolError, UsageProblem
from ..output import say, say_script


@options.command("down", options.project, options.yes)
@click.option("--destroy", is_flag=True, help="Remove the server's data too. Asks first, unless --yes.")
def down(context: Context, destroy: bool) -> None:
    """Stop the embedded server. Its data stays, unless --destroy is given."""
    from ..servers.choose import EmbeddedServer
    from ._shared import confirm_question, embedded_only

    embedded_only(context)
    server = EmbeddedServer(context.embedded_home)
    if not destroy:
        say(f"stopped the server in {server.home}" if server.stop() else "the server was not running")
        return
    confirm_question(context, f"Remove all data of the server in {server.home}?", "nothing was removed")
    removed = server.destroy()
    say(f"removed the data in {server.home}" if removed else f"there is no data in {server.home}")


@options.command("psql", *options.SHELL, context_settings={"ignore_unknown_options": True})
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS]...")
def psql(context: Context, args: tuple[str, ...]) -> None:
    """Open a shell on the target database. ARGS go to psql, and psql's exit code comes back.

    \b
    dbtool psql
    dbtool psql -- -c 'select now()'
    """
    from ..servers.binaries import find_psql, psql_call
    from ..servers.choose import EmbeddedServer

    target = context.target
    psql = find_psql(EmbeddedServer(context.embedded_home).binaries if target.is_embedded else None)
    if psql is None:
        raise DbtoolError(
            "there is no psql here",
            hint="Install PostgreSQL's client, for example: apt install postgresql-client",
        )
    words, environment = psql_call(psql, target.url, args, context.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(psql, words, environment)  # noqa: S606  no shell, and psql owns the terminal


@options.command("test", options.project, context_settings={"ignore_unknown_options": True})
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="[ARGS]...")
@click.option(
    "--server",
    "kind",
    metavar="KIND",
    envvar="DBTOOL_TEST_SERVER",
    help="embedded, stock (the system's PostgreSQL, not configured), container, container:15 (a postgres:N"
    " image), or the URL of a running server, on which databases are made and dropped. Default: a container"
    " where Docker has the image, else embedded.",
)
def test(context: Context, args: tuple[str, ...], kind: str | None) -> None:
    """Run pytest on a throwaway PostgreSQL. ARGS go to pytest.

    \b
    dbtool test
    dbtool test tests/xp -k streak
    dbtool test --server container:15
    dbtool test --server stock:15
    """
    from ..authoring.testing import run_pytest
    from ..servers.choose import default_kind, open_throwaway

    if context.project.is_packaged:
        raise UsageProblem(
            "the installed package holds no tests",
            hint="Run dbtool test in a checkout, or name a project with --project DIR.",
        )
    kind = kind or default_kind()
    with open_throwaway(kind) as server:
        say(f"testing on {server.description}", err=True)
        code = run_pytest(context.project.root, args, server.url(), kind, context.environ)
    sys.exit(code)


@options.command("completion", options.project)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(_context: Context, shell: str) -> None:
    """Print the script that lets a shell complete dbtool's commands and options.

    \b
    bash: eval "$(dbtool completion bash)"                       in ~/.bashrc
    zsh:  eval "$(dbtool completion zsh)"                        in ~/.zshrc, after compinit
    fish: dbtool completion fish > ~/.config/fish/completions/dbtool.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    say_script(
        kind(click.get_current_context().find_root().command, {}, "dbtool", "_DBTOOL_COMPLETE").source()
    )


@options.command("up", *options.PROJECT)
@click.argument("systems", metavar="[SYSTEM]...", nargs=-1)
@click.option("--demo", is_flag=True, help="Add sample content and learners.")
@options.number(
    "--port",
    None,
    click.IntRange(0, 65535),
    "Listen on this port of localhost too, for tools that need TCP; 0: no more. It is kept.",
)
def up(context: Context, systems: tuple[str, ...], demo: bool, port: int | None) -> None:
    """Start the embedded server, migrate, seed, show the status.

    The server keeps its data in .dbtool/ beside the project and listens on a private Unix socket only, unless
    --port is given: then on localhost too, for who has the password in .dbtool/password. The
    database is app. With names, each SYSTEM gets a database of its name with its seeds alone; the project's
    default system is the one of app. Run it again at any time: it brings the databases up to date, also where
    migrations that no release has yet were amended: rows stay.
    """
    from ..history import migrations, seeds
    from ..live.follow import follow
    from ..servers.choose import EmbeddedServer
    from ._shared import embedded_only, program_name

    overruled = embedded_only(context)
    seeds.plan(context.project, systems)  # all of them are known
    default = seeds.default_system(context.project)
    databases = {name if name != default else "app": [name] for name in systems} or {"app": []}
    report = context.reporter()
    server = EmbeddedServer(context.embedded_home)
    was_running = server.start(report.notice, port)
    state = "runs already" if was_running else "started"
    context.note(f"PostgreSQL {server.binaries.version} {state} in {server.home}")
    applied: list[str] = []
    for database, names in databases.items():
        server.ensure_database(database)
        url = server.url(database)
        if systems:
            context.note(f"database {database}")
        connect_to = partial(connect, url, application_name="dbtool up")
        follow(connect_to, context.project, report)
        migrations.migrate(connect_to, context.project, report=report)
        with connect_to() as connection:
            seeds.seed(connection, context.project, names, demo=demo, report=report)
            connection.autocommit = True
            stack = context.project.stack
            applied = [entry.id for each in stack for entry in migrations.status(connection, each)]
        context.tell(f"up to date: {len(applied)} scripts applied, the newest is {applied[-1]}")
        choice = "" if database == "app" else f" --database {database}"
        option = f" --database-url '{url}'" if overruled else choice
        context.tell(f"shell: {program_name()} psql{option}")
        context.tell(f"URL: {url}")
        if tcp := server.tcp_url(database):
            context.tell(f"by TCP: {tcp}, with the password in {server.password_file}")
    urls = {database: server.url(database) for database in databases}
    context.answer = {
        "url": next(iter(urls.values())),
        "was_running": was_running,
        "applied": applied,
        "databases": urls,
    }
    if tcp := server.tcp_url(next(iter(databases))):
        context.answer |= {"tcp_url": tcp, "password_file": str(server.password_file)}
