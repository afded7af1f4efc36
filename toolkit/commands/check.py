"""dbtool check"""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.context import Context
from toolkit.options import json_option, pass_context, project_option
from toolkit.output import say


@click.command("check")
@click.option("--server", metavar="KIND", help="Where to run it: container, embedded or a superuser's URL.")
@click.option(
    "--same-as",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Prove instead that the project in DIR, an earlier checkout, builds the same.",
)
@project_option
@json_option
@pass_context
def command(context: Context, server: str | None, same_as: Path | None) -> None:
    """Prove that sources, migrations and rollbacks agree.

    On a throwaway database: the migrations build what functions/, triggers/ and views/ say; every rollback
    restores what was there before, to the last comment and grant; no shipped migration was edited; the
    conventions are kept, squawk finds nothing in the migrations, nor plpgsql_check in the functions where the
    server has it. `-- lint: ignore RULE because REASON` silences one finding.

    With --same-as: whoever has regrouped migrations that no release has compares with the checkout of before;
    catalog and rows are.
    """
    from toolkit import output
    from toolkit.authoring import checks, proof
    from toolkit.connection import connect
    from toolkit.errors import CheckFailed
    from toolkit.project.layout import Project
    from toolkit.servers.choose import open_throwaway

    with open_throwaway(server) as throwaway:
        if same_as is not None:
            found = proof.differences(throwaway, context.project, Project.open(same_as))
            _report_proof(context, same_as, found)
            return
        throwaway.create_database("check")
        findings = checks.check(
            lambda: connect(throwaway.url("check"), application_name="dbtool check"),
            context.project,
            lambda text: say(f"note: {text}", err=True),
        )
        description = throwaway.description
    if context.as_json:
        output.print_json(
            {"ok": not findings, "server": description, "findings": [each.as_json() for each in findings]}
        )
    else:
        for finding in findings:
            say(str(finding))
    if findings:
        raise CheckFailed(f"{len(findings)} finding{'s' * (len(findings) > 1)}")
    if not context.as_json:
        say(f"all is well: sources, migrations, rollbacks and conventions agree ({description})")


def _report_proof(context: Context, other: Path, differences: list[str]) -> None:
    from toolkit import output
    from toolkit.errors import CheckFailed

    if context.as_json:
        output.print_json({"ok": not differences, "differences": differences})
    for line in () if context.as_json else differences:
        say(line)
    if differences:
        raise CheckFailed(f"{len(differences)} difference{'s' * (len(differences) > 1)} from {other}")
    if not context.as_json:
        say(f"the same as {other}: catalog and rows")
