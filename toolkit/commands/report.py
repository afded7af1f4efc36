"""dbtool report"""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.context import Context
from toolkit.options import json_option, pass_context, target_options
from toolkit.output import say


@click.command("report")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The page; one that is there is replaced.",
)
@click.option(
    "--days",
    metavar="N",
    type=click.IntRange(7, 366),
    default=90,
    show_default=True,
    help="How far back it goes, today included.",
)
@target_options
@json_option
@pass_context
def command(context: Context, output: Path, days: int) -> None:
    """Write a page of numbers for a product owner: who learns, who stays, how far they come.

    One HTML file that needs no network. It reads Laurel's views, for which learn_readonly suffices.
    With --json the numbers are printed instead.
    """
    from toolkit.output import print_json
    from toolkit.report import report

    with context.connect() as connection:
        numbers = report.read(connection, context.target().label, days)
    if context.as_json:
        print_json(numbers.as_json())
        return
    page = report.render(numbers)
    output.write_text(page, encoding="utf-8")
    say(f"wrote {output} ({len(page.encode()) / 1000:.0f} kB)")
