"""dbtool test"""

from __future__ import annotations

import sys

import click

from toolkit.context import Context
from toolkit.errors import UsageProblem
from toolkit.options import pass_context, project_option
from toolkit.output import say


@click.command("test", context_settings={"ignore_unknown_options": True})
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
@project_option
@pass_context
def command(context: Context, args: tuple[str, ...], kind: str | None) -> None:
    """Run pytest on a throwaway PostgreSQL. ARGS go to pytest.

    \b
    dbtool test
    dbtool test tests/xp -k streak
    dbtool test --server container:15
    dbtool test --server stock:15
    """
    from toolkit.authoring.testing import run_pytest
    from toolkit.servers.choose import default_kind, open_throwaway

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
