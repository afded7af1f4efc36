"""Commands that change a database, or show what would change it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.commands._shared import run_on_all
from toolkit.context import Context
from toolkit.options import (
    fleet_options,
    json_option,
    limit_options,
    pass_context,
    target_options,
    trust_option,
    wait_option,
    yes_option,
    yes_production_option,
)
from toolkit.output import say
from toolkit.sql.limits import Limits

if TYPE_CHECKING:
    from toolkit.history.history import Applied
    from toolkit.live.effects import Effect


@click.command("migrate")
@click.option("--to", metavar="VERSION", help="Stop at this one: a migration's number, or `schema`.")
@click.option("--dry-run", is_flag=True, help="Show what would be applied; write nothing.")
@click.option("--allow-late", is_flag=True, help="Apply migrations below the newest applied one too.")
@limit_options
@fleet_options
@target_options
@json_option
@pass_context
def migrate(
    context: Context, to: str | None, dry_run: bool, allow_late: bool, limits: Limits, jobs: int
) -> None:
    """Apply schema.sql and the migrations in numeric order.

    Each file runs in one transaction that also marks it as applied, unless its first line says
    `-- transactional: false`. What waits too long for a lock is rolled back and tried again.
    """
    from toolkit import output
    from toolkit.history import migrations

    if context.is_fleet:
        run_on_all(context, jobs, _migrate_in_short)
        return
    context.announce()
    scripts = migrations.migrate(
        context.connect,
        context.project,
        to=to,
        dry_run=dry_run,
        allow_late=allow_late,
        limits=limits,
        report=output.reporter(as_json=context.as_json),
    )
    if context.as_json:
        key = "would_apply" if dry_run else "applied"
        output.print_json({"target": context.target().label, key: [script.id for script in scripts]})
    elif dry_run:
        for script in scripts:
            how = "" if script.transactional else ", without transaction"
            say(f"would apply {script.id} ({context.project.relative(script.path)}{how})")
    if not scripts and not context.as_json:
        reached = "is up to date" if to is None else f"has everything up to {to}"
        say(f"nothing to apply: {context.target().label} {reached}")


def _migrate_in_short(answer: Any) -> str:
    done = "would apply" if "would_apply" in answer else "applied"
    scripts = answer.get("would_apply", answer.get("applied"))
    return f"{done} {', '.join(scripts)}" if scripts else "nothing to apply"


@click.command("rollback")
@click.option(
    "--to", metavar="VERSION", help="Keep this one: a migration's number, `schema`, or 0 for nothing."
)
@click.option("--steps", type=click.IntRange(min=1), help="Undo this many. Default: 1.")
@limit_options
@yes_option
@yes_production_option
@target_options
@json_option
@pass_context
def rollback(context: Context, to: str | None, steps: int | None, limits: Limits) -> None:
    """Undo migrations from the newest down, each in one transaction.

    Nothing is undone when the rollback file of one of them is missing. `--to 0` leaves no trace.
    """
    from toolkit import output
    from toolkit.commands._shared import confirm
    from toolkit.history import migrations

    context.announce()

    def ask(plan: Sequence[Applied]) -> None:
        confirm(context, f"Undo {', '.join(applied.id for applied in plan)}", "nothing was undone")

    undone = migrations.rollback(
        context.connect,
        context.project,
        to=to,
        steps=steps,
        limits=limits,
        report=output.reporter(as_json=context.as_json),
        confirm=ask,
    )
    if context.as_json:
        output.print_json({"target": context.target().label, "undone": [applied.id for applied in undone]})
    elif not undone:
        say("nothing to undo")


TEXT_LENGTH = 90


@click.command("repair")
@click.option("--undo", is_flag=True, help="Undo unfinished scripts by their rollback files.")
@click.option("--skip", is_flag=True, help="Treat as done the statement that an unfinished script reached.")
@click.option(
    "--forget", metavar="NAME", multiple=True, help="Take a script whose file is gone out of the history."
)
@click.option("--restore", metavar="NAME", multiple=True, help="Write a file from the text that was applied.")
@click.option("--dry-run", is_flag=True, help="Show what would be done; write nothing.")
@limit_options
@yes_option
@yes_production_option
@target_options
@json_option
@pass_context
def repair(
    context: Context,
    undo: bool,
    skip: bool,
    forget: tuple[str, ...],
    restore: tuple[str, ...],
    dry_run: bool,
    limits: Limits,
) -> None:
    """Finish or undo what stopped, accept edits of comments, forget or restore missing files.

    Shows what it would do, and asks. Without options: finishes every unfinished script from the statement
    that it reached, dropping the invalid index that this one left, and accepts edits of comments alone.
    """
    from toolkit import output
    from toolkit.commands._shared import confirm
    from toolkit.errors import DbtoolError
    from toolkit.history import repair
    from toolkit.history.run import exclusive_run, session
    from toolkit.history.status import refuse_problems, status

    project = context.project
    context.announce()
    report = output.reporter(as_json=context.as_json)
    plan = partial(repair.plan, project=project, undo=undo, skip=skip, forget=forget, restore=restore)
    with session(context.connect, report) as connection:
        steps = plan(connection)
        shown = ["\n".join(filter(None, step.lines())) for step in steps]
        for line in "\n".join(shown).splitlines():
            say(line, err=context.as_json)
        if steps and not dry_run:
            confirm(context, "Do this", "nothing was done")
            with exclusive_run(context.connect, connection, limits, report) as run:
                if plan(connection) != steps:
                    raise DbtoolError("the history changed in the meantime; nothing was done")
                for step in steps:
                    step.carry_out(run)
        left = status(connection, project)
    if context.as_json:
        key = "would_do" if dry_run else "done"
        output.print_json({"target": context.target().label, key: shown})
    elif not steps:
        say("nothing that can be repaired")
    elif not dry_run:
        say("repaired")
    if not dry_run:
        refuse_problems(left, project)


@click.command("baseline")
@click.argument("version")
@click.option("--force", is_flag=True, help="Adopt it although it differs.")
@click.option("--server", metavar="KIND", help="Where to build it: container, embedded or a superuser's URL.")
@wait_option
@target_options
@json_option
@pass_context
def baseline(context: Context, version: str, force: bool, server: str | None, wait: float) -> None:
    """Adopt a database that was built without dbtool: VERSION is the migration that it has reached.

    The history is written, nothing is run. Refused with exit code 4, showing every difference, when the
    catalog is not what the schema and the migrations up to VERSION build on a throwaway server, and when
    dbtool has applied something already. VERSION may be `schema`.
    """
    from toolkit import output
    from toolkit.live.verify import baseline

    adopted = baseline(
        context.connect,
        context.project,
        version,
        force=force,
        server=server,
        url=context.target().url,
        wait=wait,
        report=output.reporter(as_json=context.as_json),
    )
    label, scripts = context.target().label, [script.id for script in adopted.scripts]
    if context.as_json:
        ignored = [each.as_json() for each in adopted.ignored]
        output.print_json({"target": label, "adopted": scripts, "ignored": ignored})
        return
    for each in adopted.ignored:
        say(f"let pass: {each}")
    say(f"adopted {label} at {scripts[-1]}: {len(scripts)} scripts count as applied, none was run")


TEXT_LENGTH = 90


@click.command("plan")
@click.option("--to", metavar="VERSION", help="Stop at this one: a migration's number, or `schema`.")
@click.option("--allow-late", is_flag=True, help="Include migrations below the newest applied one.")
@click.option("--server", metavar="KIND", help="Where to measure: container, embedded or a superuser's URL.")
@trust_option
@target_options
@json_option
@pass_context
def plan(context: Context, to: str | None, allow_late: bool, server: str | None, trust_target: bool) -> None:
    """Show what would run, and what each statement would block.

    Measures on an empty clone of the target's schema, on a throwaway server: the strongest lock per table,
    what is rewritten or read as a whole, and how long it takes. The target is only read.
    """
    from toolkit import output
    from toolkit.errors import DbtoolError
    from toolkit.live.plan import plan
    from toolkit.servers.choose import open_throwaway

    context.announce()
    target = context.target()
    with open_throwaway(server, report=lambda _: None) as throwaway:
        made = plan(
            context.connect,
            target.url,
            context.project,
            throwaway,
            to=to,
            allow_late=allow_late,
            trust_target=trust_target,
        )
    if context.as_json:
        output.print_json({"target": target.label, **dataclasses.asdict(made)})
    else:
        for script in made.forecasts:
            how = "in one transaction" if script.transactional else "without transaction"
            say(f"{script.id} ({script.source}), {how}")
            for effect in script.effects:
                _plan_print_effect(effect)
        for text in made.warnings:
            say(f"warning: {text}")
        for text in made.notes:
            say(f"note: {text}")
        if not made.forecasts:
            say(f"nothing to apply on {target.label}")
    failed = next((script.error for script in made.forecasts if script.error), None)
    if failed:
        raise DbtoolError(failed, hint="It fails on a clone without rows; what it needs may be data.")


def _plan_print_effect(effect: Effect) -> None:
    text = " ".join(effect.text.split())
    shortened = text if len(text) <= TEXT_LENGTH else text[: TEXT_LENGTH - 1] + "…"
    say(f"  line {effect.line:<5}{effect.milliseconds:8.1f} ms  {shortened}")
    parts = [f"{lock.mode} on {lock.relation}" for lock in effect.locks]
    parts += [f"rewrites {relation}" for relation in effect.rewrites]
    parts += [f"reads all of {relation}" for relation in effect.scans]
    if parts:
        say(f"      {'; '.join(parts)}{'' if effect.is_measured else ' (not measured)'}")


@click.command("seed")
@click.argument("systems", metavar="[SYSTEM]...", nargs=-1)
@click.option("--demo", is_flag=True, help="Add sample content and learners.")
@click.option("--mix", is_flag=True, help="Load a system into a database that holds another; no name: all.")
@wait_option
@yes_production_option
@target_options
@json_option
@pass_context
def seed(context: Context, systems: tuple[str, ...], demo: bool, mix: bool, wait: float) -> None:
    """Load the reference data of the named systems; none named: of the one that the database holds.

    seeds/core comes first; each system is loaded in one transaction. It may be run again at any time. Where
    no seeds/seeds.toml says that a database holds one system, all are loaded when none is named.
    """
    from toolkit import output
    from toolkit.commands._shared import confirm_production
    from toolkit.history import seeds
    from toolkit.history.lock import refuse_transaction_pooling

    project = context.project
    context.announce()
    if demo:
        confirm_production(context, "Load sample content and learners", "nothing was loaded")
    with context.connect(autocommit=True) as connection:
        refuse_transaction_pooling(context.connect, connection)
        loaded = seeds.seed(
            connection,
            project,
            systems,
            demo=demo,
            mix=mix,
            wait=wait,
            report=output.reporter(as_json=context.as_json),
        )
    if context.as_json:
        listing = [
            {"system": entry.system, "files": [project.relative(path) for path in entry.files]}
            for entry in loaded
        ]
        output.print_json({"target": context.target().label, "seeded": listing})
    elif not loaded:
        say("nothing to seed: the project has no seeds/")


@click.command("import-questions")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--exam", metavar="KEY", help="The exam of rows that have no exam_type of their own.")
@target_options
@json_option
@pass_context
def import_questions(context: Context, file: Path, exam: str | None) -> None:
    """Import a question bank from a CSV file, as a whole or not at all.

    The first line names the columns: question_id, exam_type, domain, question_text, correct_answer,
    option_a … option_d, explanation_a … explanation_d. Rows of the same exam and id are brought up to date.
    """
    from toolkit import output
    from toolkit.live import questions

    context.announce()
    with context.connect() as connection:
        counts = questions.import_questions(connection, file, exam)
    if context.as_json:
        output.print_json({"target": context.target().label, **counts})
    else:
        say(", ".join(f"{count} {what}" for what, count in counts.items()))
