"""dbtool down"""

from __future__ import annotations

import sys

import click

from toolkit.context import Context
from toolkit.errors import DbtoolError, UsageProblem
from toolkit.options import pass_context, project_option, yes_option
from toolkit.output import ask, say


@click.command("down")
@click.option("--destroy", is_flag=True, help="Remove the server's data too. Asks first, unless --yes.")
@project_option
@yes_option
@pass_context
def command(context: Context, destroy: bool) -> None:
    """Stop the embedded server. Its data stays, unless --destroy is given."""
    from toolkit.invocation import embedded_only
    from toolkit.servers.choose import EmbeddedServer

    embedded_only(context)
    server = EmbeddedServer(context.embedded_home)
    if not destroy:
        say(f"stopped the server in {server.home}" if server.stop() else "the server was not running")
        return
    if not context.yes:
        if not sys.stdin.isatty():
            raise UsageProblem(
                "--destroy asks for confirmation, and there is no terminal", hint="Give --yes."
            )
        if not ask(f"Remove all data of the server in {server.home}?"):
            raise DbtoolError("nothing was removed")
    removed = server.destroy()
    say(f"removed the data in {server.home}" if removed else f"there is no data in {server.home}")
