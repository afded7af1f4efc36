"""Commands that write and prove the scripts of a project."""

from __future__ import annotations

import time
from datetime import date
from functools import partial
from pathlib import Path

import click

from .. import options
from ..context import Context
from ..errors import CheckFailed, UsageProblem, counted
from ..output import say
from ._shared import confirm, project_server


@options.command("init", *options.PROJECT)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--extends", type=click.Choice(["laurel"]), help="Stand on the packaged Laurel.")
@click.option("--name", metavar="NAME", help="Of its schema, history and seeds. Default: the folder's.")
def init(context: Context, folder: Path, extends: str | None, name: str | None) -> None:
    """Start a project in DIR: schema, a migration with its rollback, and a test, all of which pass.

    With --extends laurel: a table, a trigger that records facts, a metric and a badge of your own.
    """
    from ..authoring.generate import start

    written = [str(path) for path in start(folder, extends, name)]
    context.answer = {"files": written}
    for path in written:
        context.tell(f"wrote {path}")
    context.note(f"next: cd {folder}; dbtool test; dbtool check; dbtool up")


@options.command("new", *options.PROJECT)
@click.argument("description", required=False)
@click.option("--amend", is_flag=True, help="Only bring migrations that no release has to the sources.")
@click.option("--empty", is_flag=True, help="Write only the header, whatever the sources say.")
@options.server("Where to try it")
def new(context: Context, description: str | None, amend: bool, empty: bool, server: str | None) -> None:
    """Write the next migration from the changed sources, or amend those that no release has.

    migrationN.sql gets a frozen copy of every changed file below functions/, triggers/ and views/, in an
    order that works; migrationN.rollback.sql puts back what they replace. Both are run on a throwaway server
    first. When no source changed, the two files hold only the header, for you to fill.

    In a project that says which migration was `released` last, an object whose text no release has keeps one
    text: it is rewritten where it stands. `--amend` does that alone, and puts new objects there too.
    """
    from ..authoring import amending, generate
    from ..catalog.objects import live
    from ..connection import connect
    from ..history import migrations

    project = context.project
    if amend == (description is not None) or (amend and empty):
        raise UsageProblem("give a description, or --amend alone")
    amended = amending.NOTHING
    made = None
    with project_server(project, server) as throwaway:
        if not empty and (amend or project.released is not None):
            throwaway.create_database("amend")
            connect_to = partial(connect, throwaway.url("amend"), application_name="dbtool new")
            amended = amending.amend(connect_to, project, with_new=amend)
            throwaway.drop_database("amend")
        if description is not None and not amended.is_all:
            throwaway.create_database("new")
            connect_to = partial(connect, throwaway.url("new"), application_name="dbtool new")
            with connect_to() as conn:
                given = live(conn).keys()
            migrations.migrate(connect_to, project)
            with connect_to() as conn:
                made = generate.new_migration(
                    conn, project, description, date.today(), empty=empty, given=given
                )
    written = [project.relative(path) for path in (made.path, made.rollback_path)] if made else []
    rewritten = [project.relative(path) for path in amended.files]
    labels = [*amended.changed, *amended.added, *(made.sources if made else ())]
    dropped = [*amended.removed, *(made.dropped if made else ())]
    context.answer = {"files": written, "amended": rewritten, "sources": labels, "dropped": dropped}
    done = {"amended": rewritten, "wrote": written, "  with": labels, "  drops": dropped}
    for did, names in done.items():
        for name in names:
            context.tell(f"{did} {name}")
    if amend and not rewritten:
        context.tell("nothing to amend: the unreleased migrations are what the sources say")
    elif made and not made.sources and not made.dropped and not empty:
        context.tell("no source changed: write the SQL into both files")


@options.command("squash", options.server("Where to prove it"), *options.PROJECT)
@click.argument("version")
@click.option("--dry-run", is_flag=True, help="Prove that it can be done; write nothing.")
def squash(context: Context, version: str, dry_run: bool, server: str | None) -> None:
    """Put schema.sql and the migrations up to VERSION together into one schema.sql.

    On a throwaway server it is proven to build the same catalog and the same rows. The migrations and their
    rollbacks are removed; version control keeps them. A database that has all of them goes on as before with
    the migrations that follow; one that has only some is refused until it has them.
    """
    from ..authoring.squash import squash, write

    project = context.project
    with project_server(project, server) as throwaway:
        squashed = squash(project, version, throwaway)
    replaced = [project.relative(script.path) for script in squashed.replaced]
    for note in squashed.notes:
        say(f"note: {note}", err=True)
    if not dry_run:
        write(project, squashed)
    context.answer = {"written": not dry_run, "replaced": replaced}
    done = "would be" if dry_run else "are"
    context.tell(f"{len(replaced)} migrations {done} in schema.sql now, up to {replaced[-1]}")
    context.tell("it builds the same catalog and the same rows")


@options.command("check", *options.PROJECT)
@options.server("Where to run it")
@click.option(
    "--same-as",
    metavar="DIR",
    type=options.FOLDER,
    help="Prove instead that the project in DIR, an earlier checkout, builds the same.",
)
@options.number(
    "--from", "N", click.IntRange(min=0), "Only run what is older than migration N.", name="since"
)
def check(context: Context, server: str | None, same_as: Path | None, since: int | None) -> None:
    """Prove that sources, migrations and rollbacks agree.

    On a throwaway database: the migrations build what functions/, triggers/ and views/ say; every rollback
    restores what was there before, to the last comment and grant; no shipped migration was edited; the
    conventions are kept, squawk finds nothing in the migrations, nor plpgsql_check in the functions where the
    server has it. `-- lint: ignore RULE because REASON` silences one finding.

    After regrouping migrations that no release has, --same-as compares the catalog and the rows that they
    build with those of an earlier checkout.
    """
    from ..authoring import checks, proof
    from ..connection import connect
    from ..project.layout import Project

    project = context.project
    with project_server(project, server) as throwaway:
        if same_as is not None:
            found = proof.differences(throwaway, project, Project.open(same_as))
            context.answer = {"differences": found}
            _conclude(context, found, "difference", f" from {same_as}")
            context.tell(f"the same as {same_as}: catalog and rows")
            return
        throwaway.create_database("check")
        findings = checks.check(
            lambda: connect(throwaway.url("check"), application_name="dbtool check"),
            project,
            lambda text: say(f"note: {text}", err=True),
            since=since,
        )
        description = throwaway.description
    context.answer = {"server": description, "findings": [each.as_json() for each in findings]}
    _conclude(context, list(map(str, findings)), "finding")
    context.tell(f"all is well: sources, migrations, rollbacks and conventions agree ({description})")


def _conclude(context: Context, found: list[str], what: str, more: str = "") -> None:
    """Shows what is wrong. Raises CheckFailed when something is."""
    for line in found:
        context.tell(line)
    if found:
        raise CheckFailed(counted(len(found), what) + more)


@options.command("watch", options.yes, *options.SHELL)
def watch(context: Context) -> None:
    """Replace functions, triggers and views in a development database as their files are saved.

    Brings the database to the sources first. Errors name file and line; the database stays as it was then.
    Nothing is recorded: `dbtool new` freezes what was tried. Ctrl-C ends it.
    """
    from ..authoring.watch import PAUSE, Watcher

    context.begin(is_told=True)
    if context.target.production_name:
        raise UsageProblem("a production database is no place to try things out")
    if not context.target.is_embedded:
        confirm(context, "Replace objects as files are saved", "nothing was done")
    watcher = Watcher(context.connect, context.project, say, partial(say, err=True))
    watcher.start()
    say(f"watching {context.project.root}", err=True)
    while True:
        time.sleep(PAUSE)
        watcher.look()
