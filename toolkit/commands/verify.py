"""dbtool verify"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from toolkit.commands import _fleet as fleet
from toolkit.context import Context
from toolkit.options import fleet_options, json_option, pass_context, target_options, trust_option
from toolkit.output import say, say_script


@click.command("verify")
@click.option("--sql", "as_sql", is_flag=True, help="Print only the script that would mend everything.")
@click.option("--server", metavar="KIND", help="Where to build it: container, embedded or a superuser's URL.")
@trust_option
@click.option("--kept-in", type=click.Path(file_okay=False, path_type=Path), hidden=True)
@fleet_options
@target_options
@json_option
@pass_context
def command(
    context: Context,
    as_sql: bool,
    server: str | None,
    trust_target: bool,
    kept_in: Path | None,
    jobs: int,
) -> None:
    """Compare the database with what the applied migrations build.

    They are built on a throwaway server of the same major version, from the project's files as far as these
    say what was applied. Each difference is shown with the SQL that would mend it; nothing is changed. Exit
    code 4 when there is one.
    """
    from toolkit.errors import Drift
    from toolkit.live import verify
    from toolkit.output import print_json, reporter

    if context.is_fleet:
        with TemporaryDirectory() as folder:
            fleet.run(context, jobs, _in_short, ["--kept-in", folder])
        return
    with context.connect() as connection:
        applied, found = verify.verify(
            connection,
            context.project,
            server,
            kept_in,
            url=context.target().url,
            trust_target=trust_target,
            notice=reporter().notice,
        )
    label = context.target().label
    if context.as_json:
        listing = [each.as_json() for each in found]
        print_json({"target": label, "ok": not found, "version": applied[-1].id, "differences": listing})
    elif as_sql and found:
        say_script(verify.script(found))
    elif not as_sql:
        for each in found:
            say(str(each))
    if found:
        raise Drift(
            f"{len(found)} difference{'s' * (len(found) > 1)} between {label} and what"
            f" {applied[-1].id} builds"
        )
    if not context.as_json:
        say(f"{label} is what {applied[-1].id} builds", err=as_sql)


def _in_short(answer: Any) -> str:
    number = len(answer["differences"])
    return f"is what {answer['version']} builds" if answer["ok"] else f"{number} differences"
