"""dbtool psql"""

from __future__ import annotations

import os
import sys

import click

from toolkit.context import Context
from toolkit.errors import DbtoolError
from toolkit.options import pass_context, target_options


@click.command("psql", context_settings={"ignore_unknown_options": True})
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS]...")
@target_options
@pass_context
def command(context: Context, args: tuple[str, ...]) -> None:
    """Open a shell on the target database. ARGS go to psql, and psql's exit code comes back.

    \b
    dbtool psql
    dbtool psql -- -c 'select now()'
    """
    from toolkit.servers.binaries import find_psql, psql_call
    from toolkit.servers.choose import EmbeddedServer

    target = context.target()
    psql = find_psql(EmbeddedServer(context.embedded_home).binaries if target.is_embedded else None)
    if psql is None:
        raise DbtoolError(
            "there is no psql here",
            hint="Install PostgreSQL's client, for example: apt install postgresql-client",
        )
    call = psql_call(psql, target.url, args, context.environ)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(call.words[0], call.words, call.environment)  # noqa: S606  no shell, and psql owns the terminal
