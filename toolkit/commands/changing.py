"""Commands that change a database, or show what would change it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import options
from ..context import Context
from ..errors import DbtoolError, Drift, counted
from ..output import say
from ._shared import run_on_all

if TYPE_CHECKING:
    from ..history.history import Applied
    from ..live.effects import Effect
    from ..live.plan import Plan


@options.command("migrate", *options.LIMITS, *options.FLEET, options.base, *options.TARGET)
@options.to
@click.option("--dry-run", is_flag=True, help="Show what would be applied; write nothing.")
@click.option("--allow-late", is_flag=True, help="Apply migrations below the newest applied one too.")
@options.allow_newer
@click.option(
    "--dump",
    metavar="FILE",
    type=options.GivenPath(dir_okay=False, writable=True, path_type=Path),
    help="Then write the schema to this file, as pg_dump does: for reading, in version control.",
)
def migrate(
    context: Context, to: str | None, dry_run: bool, dump: Path | None, jobs: int, **given: Any
) -> None:
    """Apply schema.sql and the migrations in numeric order.

    Each file runs in one transaction that also marks it as applied, unless it begins with
    `-- transactional: false`. What waits too long for a lock is rolled back and tried again.
    """
    from ..history import migrations

    if context.is_fleet:
        run_on_all(context, jobs, _migrate_in_short)
        return
    if dump is not None:
        from ..live.plan import require_pg_dump

        require_pg_dump()
    report = context.reporter()
    answer = context.begin(is_told=True, applied=report.finished, would_apply=[])
    label = context.target.label
    given.update(to=to, dry_run=dry_run, limits=options.take_limits(given), report=report)
    scripts = migrations.migrate(context.connect, context.project, **given)
    if dry_run:
        answer["would_apply"] = [script.id for script in scripts]
    elif dump is not None:
        from ..live.plan import write_dump

        write_dump(context.target.url, dump)
        context.note(f"wrote {dump}")
    for script in scripts if dry_run else ():
        how = "" if script.transactional else ", without transaction"
        context.tell(f"would apply {script.id} ({context.project.relative(script.path)}{how})")
    if not scripts:
        reached = "is up to date" if to is None else f"has everything up to {to}"
        context.tell(f"nothing to apply: {label} {reached}")
    elif not dry_run and not context.as_json:
        say(f"{label} is at {scripts[-1].id} now: {counted(len(scripts), 'script')} applied", err=True)


def _migrate_in_short(answer: Any) -> str:
    scripts = answer["would_apply"] or answer["applied"]
    done = "would apply" if answer["would_apply"] else "applied"
    return f"{done} {', '.join(scripts)}" if scripts else "nothing to apply"


@options.command("rollback", *options.LIMITS, *options.CONFIRM, options.base, *options.TARGET)
@click.option(
    "--to", metavar="VERSION", help="Keep this one: a migration's number, `schema`, or 0 for nothing."
)
@options.number("--steps", None, click.IntRange(min=1), "Undo this many. Default: 1.")
def rollback(context: Context, **given: Any) -> None:
    """Undo migrations from the newest down, each in one transaction.

    Nothing is undone when the rollback file of one of them is missing. `--to 0` leaves no trace.
    """
    from ..history import migrations
    from ._shared import confirm

    report = context.reporter()
    context.begin(is_told=True, undone=report.finished)

    def ask(plan: Sequence[Applied]) -> None:
        confirm(context, f"Undo {', '.join(applied.id for applied in plan)}", "nothing was undone")

    given.update(limits=options.take_limits(given), report=report, confirm=ask)
    undone = migrations.rollback(context.connect, context.project, **given)
    if undone:
        say(f"{context.target.label}: {counted(len(undone), 'script')} undone", err=True)
    else:
        context.tell("nothing to undo")


@options.command("repair", *options.LIMITS, *options.CONFIRM, options.base, *options.TARGET)
@click.option("--undo", is_flag=True, help="Undo unfinished scripts by their rollback files.")
@click.option("--skip", is_flag=True, help="Treat as done the statement that an unfinished script reached.")
@click.option(
    "--forget", metavar="NAME", multiple=True, help="Take a script whose file is gone out of the history."
)
@click.option("--restore", metavar="NAME", multiple=True, help="Write a file from the text that was applied.")
@click.option("--dry-run", is_flag=True, help="Show what would be done; write nothing.")
def repair(context: Context, dry_run: bool, **given: Any) -> None:
    """Finish or undo what stopped, accept edits of comments, forget or restore missing files.

    Shows what it would do, and asks. Without options: finishes every unfinished script from the statement
    that it reached, dropping the invalid index that this one left, and accepts edits of comments alone.
    """
    from ..history import repair
    from ..history.run import exclusive_run, session
    from ..history.status import refuse_problems, status
    from ._shared import confirm

    project, limits, report = context.project, options.take_limits(given), context.reporter()
    answer = context.begin(is_told=True, done=[], would_do=[])
    with session(context.connect, report) as connection:
        steps = repair.plan(connection, project, **given)
        shown = ["\n".join(filter(None, step.lines)) for step in steps]
        for line in "\n".join(shown).splitlines():
            context.note(line)
        if steps and not dry_run:
            confirm(context, "Do this", "nothing was done")
            place = (context.connect, connection, project.history)
            with exclusive_run(*place, limits, report) as run:
                if repair.plan(connection, project, **given) != steps:
                    raise DbtoolError("the history changed in the meantime; nothing was done")
                for step in steps:
                    step.carry_out(run)
        left = status(connection, project)
    answer["would_do" if dry_run else "done"] = shown
    if not steps:
        context.tell("nothing that can be repaired")
    elif not dry_run:
        context.tell("repaired")
    if not dry_run:
        refuse_problems(left, project)


@options.command("baseline", options.server("Where to build it"), options.wait, options.base, *options.TARGET)
@click.argument("version", required=False)
@click.option("--force", is_flag=True, help="Adopt it although it differs.")
def baseline(context: Context, version: str | None, **given: Any) -> None:
    """Adopt a database that was built without dbtool: VERSION is the migration that it has reached.

    Without VERSION it is found out. The history is written, nothing is run. Refused with exit code 4, showing
    the differences, when the catalog is not what the schema and the migrations up to VERSION build on a
    throwaway server, and when dbtool has applied something already. VERSION may be `schema`.
    """
    from ..live.verify import baseline

    answer = context.begin(adopted=[], ignored=[], differences=[])
    try:
        given.update(url=context.target.url, report=context.reporter())
        adopted = baseline(context.connect, context.project, version, **given)
    except Drift as error:
        answer["differences"] = [each.as_json() for each in error.found]
        raise
    scripts = answer["adopted"] = [script.id for script in adopted.scripts]
    answer["ignored"] = [each.as_json() for each in adopted.ignored]
    for each in adopted.ignored:
        context.tell(f"let pass: {each}")
    done = f"{counted(len(scripts), 'script')} applied by now, none was run"
    context.note(f"adopted {context.target.label} at {scripts[-1]}: {done}")


TEXT_LENGTH = 90


@options.command("plan", options.trust, *options.TARGET)
@options.to
@click.option("--allow-late", is_flag=True, help="Include migrations below the newest applied one.")
@options.allow_newer
@options.server("Where to measure")
@click.option("--verbose", is_flag=True, help="Show every statement, not only what touches tables there.")
def plan(context: Context, server: str | None, verbose: bool, **given: Any) -> None:
    """Show what would run, and what each statement would block.

    Measures on an empty clone of the target's schema, on a throwaway server of the same major version where
    there is one: the strongest lock per table, what is rewritten or read as a whole, and how long it takes.
    The target is only read. The last line is the verdict.
    """
    from ..live.plan import plan
    from ..servers.choose import open_like

    answer, target = context.begin(is_told=True, forecasts=[], warnings=[], notes=[]), context.target
    with context.connect() as connection:
        major = connection.info.server_version // 10_000
    with open_like(major, server, context.project.extensions, or_another=True) as throwaway:
        made = plan(context.connect, target.url, context.project, throwaway, **given)
    answer.update(dataclasses.asdict(made), verdict=made.verdict)
    if not context.as_json:
        _plan_print(made, verbose=verbose)
        say(f"verdict: {made.verdict}" if made.forecasts else f"nothing to apply on {target.label}")
    for script in made.forecasts:
        if script.error:
            raise DbtoolError(script.error, detail=script.detail, hint=script.hint)


def _plan_print(made: Plan, *, verbose: bool) -> None:
    """A summary; then what touches tables that are there, or with `verbose` every statement."""
    effects = [effect for script in made.forecasts for effect in script.effects]
    if effects:
        seconds = sum(effect.milliseconds for effect in effects) / 1000
        say(f"{len(made.forecasts)} pending, {len(effects)} statements, {seconds:.1f} s on the clone")
    for script in made.forecasts:
        shown = [effect for effect in script.effects if verbose or effect.touches]
        if shown:
            how = "in one transaction" if script.transactional else "without transaction"
            say(f"{script.id} ({script.source}), {how}")
        for effect in shown:
            _plan_print_effect(effect)
    at_most = len(made.warnings) if verbose else 20
    for text in made.warnings[:at_most]:
        say(f"warning: {text}")
    if more := made.warnings[at_most:]:
        say(f"and {len(more)} more warnings, which --verbose shows")
    for text in made.notes:
        say(f"note: {text}")


def _plan_print_effect(effect: Effect) -> None:
    text = " ".join(effect.text.split())
    shortened = text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 1] + "…"
    say(f"  line {effect.line:<5}{effect.milliseconds:8.1f} ms  {shortened}")
    parts = [f"{lock.mode} on {lock.relation}" for lock in effect.locks]
    parts += [f"rewrites {relation}" for relation in effect.rewrites]
    parts += [f"reads all of {relation}" for relation in effect.scans]
    if parts:
        say(f"      {'; '.join(parts)}{'' if effect.is_measured else ' (not measured)'}")


@options.command("seed", options.wait, options.yes_production, *options.TARGET)
@click.argument("systems", metavar="[SYSTEM]...", nargs=-1)
@click.option("--demo", is_flag=True, help="Add sample content and learners.")
@click.option("--mix", is_flag=True, help="Load a system into a database that holds another; no name: all.")
@options.allow_newer
def seed(context: Context, systems: tuple[str, ...], demo: bool, **given: Any) -> None:
    """Load the reference data of the named systems; none named: of the one that the database holds.

    seeds/core comes first; each system is loaded in one transaction. It may be run again at any time. Where
    no seeds/seeds.toml says that a database holds one system, all are loaded when none is named.
    """
    from ..history import seeds
    from ..history.lock import refuse_transaction_pooling
    from ._shared import confirm_production

    project, answer = context.project, context.begin(is_told=True, seeded=[])
    if demo:
        confirm_production(context, "Load sample content and learners", "nothing was loaded")
    with context.connect(autocommit=True) as connection:
        refuse_transaction_pooling(context.connect, connection)
        report = context.reporter()
        loaded = seeds.seed(connection, project, systems, demo=demo, report=report, **given)
    answer["seeded"] = [
        {"system": entry.system, "files": [project.relative(path) for path in entry.files]}
        for entry in loaded
    ]
    if not loaded:
        context.tell("nothing to seed: the project has no seeds/")


@options.command("import-questions", *options.TARGET)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--exam", metavar="KEY", help="The exam of rows that have no exam_type of their own.")
def import_questions(context: Context, file: Path, exam: str | None) -> None:
    """Import a question bank from a CSV file, as a whole or not at all.

    The first line names the columns: question_id, exam_type, domain, question_text, correct_answer,
    option_a … option_d, explanation_a … explanation_d. Rows of the same exam and id are brought up to date.
    """
    from ..live import questions

    answer = context.begin(is_told=True)
    with context.reading() as connection:
        counts = questions.import_questions(connection, file, exam)
    answer.update(counts)
    context.tell(", ".join(f"{count} {what}" for what, count in counts.items()))
