"""Commands that tell what a database is and holds."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from .. import options
from ..context import Context
from ..errors import Drift, PendingMigrations, counted
from ..output import print_table, say, say_script
from ._shared import run_on_all

if TYPE_CHECKING:
    from ..history.status import ScriptState

_STATUS_STYLES = {"applied": "green", "pending": "yellow", "running": "yellow"}
_OF_UNFINISHED = ("statements", "kept", "line", "error", "is_undo")


@options.command("status", options.allow_newer, *options.FLEET, options.base, *options.TARGET)
def status(context: Context, allow_newer: bool, jobs: int) -> None:
    """Show what is applied, pending, edited, missing, late or unfinished: one line each.

    Exit code 3 when something is pending, 4 when something is edited, missing, late or unfinished. Reports
    invalid indexes. Writes nothing.
    """
    from ..history.status import PENDING, RUNNING, refuse_problems, status
    from ..history.stepwise import invalid_indexes

    if context.is_fleet:
        run_on_all(context, jobs, _status_in_short)
        return
    answer = context.begin(scripts=[], invalid_indexes=[])
    with context.reading() as connection:
        by_project = [(each, status(connection, each)) for each in context.project.stack]
        invalid = invalid_indexes(connection)
    states = [entry for _, found in by_project for entry in found]
    answer["scripts"] = [_status_as_json(context, entry) for entry in states]
    answer["invalid_indexes"] = [
        {"index": each.identity, "table": each.table, "drop": each.drop} for each in invalid
    ]
    if not context.as_json:
        rows = [_status_as_row(context, entry) for entry in states]
        styles = [_STATUS_STYLES.get(entry.state, "red") for entry in states]
        print_table(("state", "script", "applied at", "file", "description"), rows, styles)
        for index in invalid:
            say(f"warning: {index}", err=True)
    for each, found in by_project:
        refuse_problems(found, each, allow_newer=allow_newer)
    pending = sum(entry.state in (PENDING, RUNNING) for entry in states)
    if pending:
        raise PendingMigrations(f"{pending} pending on {answer['target']}", hint="Run `dbtool migrate`.")
    if not context.as_json:
        done = f"{len(states)} scripts applied on {answer['target']}, the newest is {states[-1].id}"
        say(f"up to date: {done}", err=True)


def _status_as_row(context: Context, entry: ScriptState) -> tuple[str, ...]:
    applied_at = f"{entry.applied_at:%Y-%m-%d %H:%M:%S %Z}" if entry.applied_at else "-"
    file = context.project.relative(entry.path) if entry.path else "-"
    if entry.unfinished:
        file += f" (statement {entry.unfinished.reached} of {entry.unfinished.statements})"
    return entry.state, entry.id, applied_at, file, entry.script.description if entry.script else ""


def _status_as_json(context: Context, entry: ScriptState) -> dict[str, Any]:
    return {
        "id": entry.id,
        "number": entry.number,
        "state": entry.state,
        "applied_at": entry.applied_at.isoformat() if entry.applied_at else None,
        "file": context.project.relative(entry.path) if entry.path else None,
        "description": entry.script.description if entry.script else None,
        "diff": entry.diff,
        "unfinished": entry.unfinished
        and {
            "statement": entry.unfinished.reached,
            **{name: getattr(entry.unfinished, name) for name in _OF_UNFINISHED},
        },
    }


def _status_in_short(answer: Any) -> str:
    states = Counter(entry["state"] for entry in answer["scripts"])
    return ", ".join(f"{number} {state}" for state, number in states.items())


NAME_WIDTH = 22
"""That much of a script's name is in a table of 80 columns; --json has all of it."""
_HISTORY_STYLES = {"undone": "yellow", "stopped": "red"}


@options.command("history", options.base, *options.TARGET)
@options.number("--limit", "N", click.IntRange(min=1), "Show the newest N only.")
def history(context: Context, limit: int | None) -> None:
    """Show who applied and undid what, when, and how long it took.

    Oldest first, in UTC: seconds, the role that connected, the user of the system; --json has the version of
    dbtool, too. Writes nothing.
    """
    from ..history.history import read_events

    answer = context.begin(events=[])
    with context.reading() as connection:
        found = read_events(connection, context.project.history)[-limit if limit else None :]
    answer["events"] = [
        {**dataclasses.asdict(event), "happened_at": event.happened_at.isoformat()} for event in found
    ]
    if context.as_json:
        return
    if not found:
        say("nothing was done here yet")
        return
    headers = ("when", "what", "script", "seconds", "role", "user", "detail")
    table = [
        (
            f"{event.happened_at:%Y-%m-%d %H:%M %Z}",
            event.operation,
            event.script if len(event.script) <= NAME_WIDTH else f"{event.script[: NAME_WIDTH - 1]}…",
            "-" if event.seconds is None else f"{event.seconds:.2f}",
            event.by_role or "-",
            event.by_user or "-",
            event.detail or "",
        )
        for event in found
    ]
    print_table(headers, table, [_HISTORY_STYLES.get(event.operation, "green") for event in found])


@options.command("report", *options.TARGET)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The page; one that is there is replaced.",
)
@options.number("--days", "N", click.IntRange(7, 366), "How far back it goes, today included.", 90)
def report(context: Context, output: Path, days: int) -> None:
    """Write a page of numbers for a product owner: who learns, who stays, how far they come.

    One HTML file that needs no network. It reads Laurel's views, for which learn_readonly suffices.
    With --json the numbers are printed instead.
    """
    from ..report import charts, report

    if not context.as_json:
        charts.require()
    with context.connect() as connection:
        numbers = report.read(connection, context.target.label, days)
    context.answer = numbers.as_json()
    if context.as_json:
        return
    page = report.render(numbers)
    output.write_text(page, encoding="utf-8")
    say(f"wrote {output} ({len(page.encode()) / 1000:.0f} kB)")


@options.command("docs", *options.TARGET)
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("site"),
    show_default=True,
    help="The folder of the pages; those of an earlier run are replaced.",
)
def docs(context: Context, output: Path) -> None:
    """Write pages about the database for those who build on it: tables, functions, rules, a search.

    Plain files that need no server and no network. What they say comes from the catalog of the target,
    domains and errors from the project's sources; with Graphviz installed there are pictures, too.
    """
    from ..project import sources
    from ..report import site

    projects = context.project.stack

    def said(name: str) -> str:
        paths = [each.root / "docs" / name for each in projects]
        return "\n\n".join(path.read_text(encoding="utf-8") for path in paths if path.is_file())

    words = site.Words(
        {name: where for each in projects for name, where in sources.domains(each).items()},
        {name: text for each in projects for name, text in sources.errors(each).items()},
        said("glossary.md"),
        said("examples.sql"),
    )
    with context.connect() as connection:
        pages = site.write(connection, output, words)
    context.answer = {"folder": str(output), "pages": pages}
    context.note(f"wrote {pages} pages: open {output}/index.html")
    if not site.can_draw():
        say("without pictures: there is no Graphviz here (apt install graphviz)", err=True)


@options.command("verify", *options.FLEET, options.base, *options.TARGET)
@click.option("--sql", "as_sql", is_flag=True, help="Print only the script that would mend everything.")
@options.server("Where to build it")
@options.trust
@click.option("--kept-in", type=click.Path(file_okay=False, path_type=Path), hidden=True)
def verify(context: Context, as_sql: bool, jobs: int, **given: Any) -> None:
    """Compare the database with what the applied migrations build.

    They are built on a throwaway server of the same major version, from the project's files as far as these
    say what was applied. Each difference is shown with the SQL that would mend it; nothing is changed. Exit
    code 4 when there is one.
    """
    from ..live import verify

    if context.is_fleet:
        with TemporaryDirectory() as folder:
            run_on_all(context, jobs, _verify_in_short, ["--kept-in", folder])
        return
    answer, target = context.begin(version=None, differences=[]), context.target
    given.update(url=target.url, notice=context.reporter().notice)
    with context.reading() as connection:
        applied, found = verify.verify(connection, context.project, **given)
    version = applied[-1].id
    answer.update(version=version, differences=[each.as_json() for each in found])
    if as_sql and found and not context.as_json:
        say_script(verify.script(found))
    for each in () if as_sql else found:
        context.tell(str(each))
    if found:
        number = counted(len(found), "difference")
        raise Drift(f"{number} between {target.label} and what {version} builds")
    if not context.as_json:
        say(f"{target.label} is what {version} builds", err=as_sql)


def _verify_in_short(answer: Any) -> str:
    number = len(answer["differences"])
    return f"is what {answer['version']} builds" if answer["ok"] else f"{number} differences"
