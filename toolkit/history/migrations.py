"""Applying and undoing the scripts of a project.

Each transactional file runs in one transaction that also marks it as applied: it is there as a whole and
known, or not at all. One run at a time, by an advisory lock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from ..errors import DbtoolError, UsageProblem, did_you_mean, summed
from ..output import Reporter
from ..project.layout import ROLLBACK_SUFFIX, SCHEMA_ID, Project, Script, read_sql
from ..sql.execute import Connection
from ..sql.limits import Limits
from ..sql.script import irreversible, is_transactional, own_limits, refuse_unfit
from .history import Applied, History, fold, remap
from .lock import stand_on
from .run import Connect, File, Run, exclusive_run, session
from .status import LATE, PENDING, RUNNING, ScriptState, refuse_problems, refuse_unfinished, status

__all__ = ["Connect", "ScriptState", "migrate", "rollback", "scripts_up_to", "status"]

LIMITS = Limits()
NOTHING = -1  # the version below `schema`, whose number is 0


def migrate(
    connect: Connect,
    project: Project,
    *,
    to: int | str | None = None,
    dry_run: bool = False,
    allow_late: bool = False,
    allow_newer: bool = False,
    limits: Limits = LIMITS,
    report: Reporter | None = None,
) -> list[Script]:
    """Applies what is pending, up to version `to`, and returns it; with `dry_run` it only returns it.

    What the project stands on comes first, all of it. Raises HistoryProblem, applying nothing more, for
    edited, missing (unless `allow_newer` and all are newer than the project's), unfinished and (unless
    `allow_late`) late scripts; LockTimeout when another run holds the
    lock for longer than `limits` allow; ScriptFailed for a file that cannot be applied, of which nothing is
    kept unless it runs without transaction, while the files before it stay.
    """
    report = report or Reporter()
    below: list[Script] = []
    limit = _limit(to, {script.number for script in project.scripts()})
    if limit == NOTHING:
        raise UsageProblem(
            "migrate --to 0 has nothing to apply", hint="`dbtool rollback --to 0` undoes everything."
        )
    with session(connect, report) as connection:
        plan = _pending(connection, project, limit, allow_late, allow_newer)
        _files(project, plan)
        if project.base:  # all of it, and first
            options = {"dry_run": dry_run, "allow_late": allow_late, "allow_newer": allow_newer}
            below = migrate(connect, project.base, **options, limits=limits, report=report)
        if dry_run or not plan:
            return below + plan
        with exclusive_run(connect, connection, project.history, limits, report) as run:
            # Another run may have applied them while this one waited, or the files may have changed.
            plan = _pending(connection, project, limit, allow_late, allow_newer)
            apply_each(run, project, plan, report)
            return below + plan


def apply_each(run: Run, project: Project, plan: Sequence[Script], report: Reporter) -> None:
    """Applies these scripts, which are pending, in a run that holds the lock."""
    files = _files(project, plan)
    run.history.look()
    remap(run.history, project.scripts()[0])
    if project.base:
        stand_on(run.connection, project.history, project.base.history)
    for script, file in zip(plan, files, strict=True):
        with report.step("applying", "applied", script.id):
            run.apply(script, file)


def _files(project: Project, plan: Sequence[Script]) -> list[File]:
    return [sql_file(project, script.path, script.text) for script in plan]


def rollback(
    connect: Connect,
    project: Project,
    *,
    to: int | str | None = None,
    steps: int | None = None,
    limits: Limits = LIMITS,
    report: Reporter | None = None,
    confirm: Callable[[Sequence[Applied]], None] = lambda _: None,
) -> list[Applied]:
    """Undoes from the newest down to version `to`, or the last `steps` (default 1); returns what was undone.

    Raises DbtoolError, undoing nothing, when the rollback file of one of them is missing. `confirm` is called
    with the plan before anything is undone, without holding the lock, and may raise.
    """
    report = report or Reporter()
    with session(connect, report) as connection:
        plan = _to_undo(connection, project, to, steps)
        files = rollback_files(project, plan)
        _refuse_beneath(connection, project, plan)
        if not plan:
            return []
        confirm(plan)
        with exclusive_run(connect, connection, project.history, limits, report) as run:
            if _to_undo(connection, project, to, steps) != plan:
                raise DbtoolError(
                    "the history changed in the meantime; nothing was undone", hint="Look at `dbtool status`."
                )
            remap(run.history, project.scripts()[0])
            undo_each(run, plan, files, report, remaining=len(run.history.read()))
            return plan


def undo_each(
    run: Run, plan: Sequence[Applied | Script], files: Sequence[File], report: Reporter, *, remaining: int
) -> None:
    """Undoes these of the `remaining` applied scripts, newest first, in a run that holds the lock."""
    for applied, file in zip(plan, files, strict=True):
        remaining -= 1
        with report.step("undoing", "undid", applied.id):
            run.undo(applied.stem, file, is_last=remaining == 0)


_ABOVE = """
select nspname::text from pg_catalog.pg_namespace
 where obj_description(oid, 'pg_namespace') = %s and nspname ~ '^dbtool(_|$)' order by 1
"""


def _refuse_beneath(connection: Connection, project: Project, plan: Sequence[Applied]) -> None:
    """Raises DbtoolError when something that stands on the project came after what is to be undone."""
    for (schema,) in connection.execute(_ABOVE, [f"on {project.history}"]).fetchall():
        later = [
            each.id
            for each in History(connection, str(schema)).read()
            if plan and each.applied_at > plan[-1].applied_at
        ]
        if later:
            raise DbtoolError(
                f"a project that stands on this one has applied {summed(later)} since; nothing was undone",
                detail=f"its history is in the schema {schema}",
                hint="Undo these first, with `dbtool rollback` in that project.",
            )


def scripts_up_to(project: Project, version: int | str) -> list[Script]:
    """The scripts that make up one version. Raises UsageProblem for a version that there is none of."""
    scripts = project.scripts()
    limit = _limit(version, {script.number for script in scripts})
    if limit == NOTHING:
        raise UsageProblem("version 0 is nothing at all", hint="`schema` is schema.sql alone.")
    return [script for script in scripts if script.number <= limit]


def _pending(
    connection: Connection, project: Project, limit: int, allow_late: bool, allow_newer: bool
) -> list[Script]:
    states = status(connection, project)
    refuse_problems(states, project, allow_late=allow_late, allow_newer=allow_newer)
    return [
        entry.script
        for entry in states
        if entry.state in (PENDING, LATE, RUNNING) and entry.script and entry.number <= limit
    ]


def _to_undo(
    connection: Connection, project: Project, to: int | str | None, steps: int | None
) -> list[Applied]:
    """What a rollback undoes, newest first."""
    if to is not None and steps is not None:
        raise UsageProblem("give either --to or --steps")
    refuse_unfinished(status(connection, project), project)
    applied = fold(History(connection, project.history).read(), project.scripts()[0])[::-1]
    if to is not None:
        known = {script.number for script in project.scripts()} | {record.number for record in applied}
        limit = _limit(to, known)
        return [record for record in applied if record.number > limit]
    count = 1 if steps is None else steps
    if count < 1 or (steps is not None and count > len(applied)):
        raise UsageProblem(f"cannot undo {count} steps: {len(applied)} scripts are applied")
    return applied[:count]


def _limit(to: int | str | None, known: Collection[int]) -> int:
    """The highest number that belongs to a version: 0 is nothing at all, `schema` the schema alone."""
    if to is None:
        return max(known, default=NOTHING)
    text = str(to).strip().lower()
    if text == SCHEMA_ID:
        return 0
    match = re.fullmatch(r"(?:migration)?([0-9]+)", text)
    number = int(match[1]) if match else None
    if number == 0:
        return NOTHING
    if number is None or number not in known:
        newest = max(known, default=0)
        hint = f"Versions are 0 (nothing), schema, and the numbers of migrations, up to {newest}."
        near = did_you_mean(text, [SCHEMA_ID, *(f"migration{each}" for each in known if each)])
        raise UsageProblem(f"there is no version {to}", hint=f"{hint} {near}" if near else hint)
    return number


def rollback_files(project: Project, plan: Sequence[Applied | Script]) -> list[File]:
    """The rollback files of a plan, fit to run. Raises DbtoolError that lists those that are missing."""
    scripts = {script.number: script for script in project.scripts()}
    paths, missing = [], []
    for record in plan:
        script = scripts.get(record.number)
        path = rollback_path(project, record.stem, script)
        paths.append(path)
        if path.is_file():
            continue
        reason = script.irreversible if script else None
        if reason:
            raise DbtoolError(
                f"{record.id} cannot be undone: {reason}; nothing was undone",
                hint=f"`dbtool rollback --to {record.number or SCHEMA_ID}` goes back as far as this one.",
            )
        missing.append(project.relative(path))
    if missing:
        files = "1 rollback file is" if len(missing) == 1 else f"{len(missing)} rollback files are"
        raise DbtoolError(
            f"{files} missing: {summed(missing)}; nothing was undone",
            hint="Write it; for a change that cannot be undone, let the migration begin with"
            " `-- irreversible: why`.",
        )
    return [sql_file(project, path, read_sql(path)) for path in paths]


def rollback_path(project: Project, stem: str, script: Script | None) -> Path:
    """Where the rollback file of a script is, or should be; of one without a file, by its recorded name."""
    beside = script.path if script else (project.schema_file if stem == SCHEMA_ID else None)
    folder = beside.parent if beside else project.migrations_dir
    return folder / f"{beside.stem if beside else stem}{ROLLBACK_SUFFIX}"


def sql_file(project: Project, path: Path, text: str) -> File:
    """A file with this text. Raises DbtoolError for what dbtool cannot run as it promises to."""
    file = File(project.relative(path), text, is_transactional(text, path), own_limits(text, path))
    irreversible(text, path)  # it has a reason
    refuse_unfit(text, file.source, transactional=file.transactional)
    return file
