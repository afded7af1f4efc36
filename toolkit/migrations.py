"""Applying and undoing the scripts of a project.

Each transactional file runs in one transaction that also marks it as applied: it is there as a whole and
known, or not at all. One run at a time, by an advisory lock.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from toolkit.errors import DbtoolError, UsageProblem
from toolkit.execute import (
    RESET_SETTINGS,
    Connection,
    failure,
    forget_session,
    run_each,
    run_whole,
    watch_client,
)
from toolkit.history import Applied, History
from toolkit.lock import exclusive, hold_in_transaction
from toolkit.output import Reporter
from toolkit.project import ROLLBACK_SUFFIX, SCHEMA_ID, Project, Script, is_transactional, read_sql
from toolkit.script import Statement, prepare
from toolkit.squashed import fold, remap
from toolkit.states import PENDING, ScriptState, refuse_problems, status

__all__ = ["Connect", "ScriptState", "make_ready", "migrate", "rollback", "scripts_up_to", "status"]

LOCK_TIMEOUT_SECONDS = 60.0
NOTHING = -1  # the version below `schema`, whose number is 0

Connect = Callable[[], Connection]


@dataclass(frozen=True)
class Rollback:
    """A rollback file, read and parsed, and what it undoes."""

    applied: Applied
    source: str
    text: str
    transactional: bool
    statements: Sequence[Statement]


def migrate(
    connect: Connect,
    project: Project,
    *,
    to: int | str | None = None,
    dry_run: bool = False,
    lock_timeout: float = LOCK_TIMEOUT_SECONDS,
    report: Reporter | None = None,
) -> list[Script]:
    """Applies what is pending, up to version `to`, and returns it; with `dry_run` it only returns it.

    Raises HistoryProblem, applying nothing, for edited, missing or late scripts; LockTimeout when another run
    holds the lock for longer than `lock_timeout` seconds; ScriptFailed for a file that cannot be applied, of
    which nothing is kept unless it runs without transaction, while the files before it stay.
    """
    report = report or Reporter()
    limit = _limit(to, {script.number for script in project.scripts()})
    if limit == NOTHING:
        raise UsageProblem(
            "migrate --to 0 has nothing to apply", hint="`dbtool rollback --to 0` undoes everything."
        )
    with session(connect, report) as connection:
        plan = _pending(connection, project, limit)
        work = [(script, _prepare(script, project)) for script in plan]
        if dry_run or not plan:
            return plan
        with exclusive(connection, lock_timeout, report.waiting):
            # Another run may have applied them while this one waited, or the files may have changed.
            plan = _pending(connection, project, limit)
            work = [(script, _prepare(script, project)) for script in plan]
            history = History(connection)
            history.read()
            remap(connection, project.scripts()[0])
            for script, statements in work:
                with report.step("applying", "applied", script.id):
                    _apply(connection, history, script, project.relative(script.path), statements)
            return plan


def rollback(
    connect: Connect,
    project: Project,
    *,
    to: int | str | None = None,
    steps: int | None = None,
    lock_timeout: float = LOCK_TIMEOUT_SECONDS,
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
        undos = _rollback_scripts(project, plan)
        if not plan:
            return []
        confirm(plan)
        with exclusive(connection, lock_timeout, report.waiting):
            if _to_undo(connection, project, to, steps) != plan:
                raise DbtoolError(
                    "the history changed in the meantime; nothing was undone", hint="Look at `dbtool status`."
                )
            remap(connection, project.scripts()[0])
            history = History(connection)
            remaining = len(history.read())
            for undo in undos:
                remaining -= 1
                with report.step("undoing", "undid", undo.applied.id):
                    _undo(connection, history, undo, is_last=remaining == 0)
            return plan


def scripts_up_to(project: Project, version: int | str) -> list[Script]:
    """The scripts that make up one version. Raises UsageProblem for a version that there is none of."""
    scripts = project.scripts()
    limit = _limit(version, {script.number for script in scripts})
    if limit == NOTHING:
        raise UsageProblem("version 0 is nothing at all", hint="`schema` is schema.sql alone.")
    return [script for script in scripts if script.number <= limit]


def _pending(connection: Connection, project: Project, limit: int) -> list[Script]:
    states = status(connection, project)
    refuse_problems(states, project)
    return [
        entry.script for entry in states if entry.state == PENDING and entry.script and entry.number <= limit
    ]


def _to_undo(
    connection: Connection, project: Project, to: int | str | None, steps: int | None
) -> list[Applied]:
    """What a rollback undoes, newest first."""
    if to is not None and steps is not None:
        raise UsageProblem("give either --to or --steps")
    applied = fold(History(connection).read(), project.scripts()[0])[::-1]
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
        raise UsageProblem(
            f"there is no version {to}",
            hint=f"Versions are 0 (nothing), schema, and the numbers of migrations, up to {newest}.",
        )
    return number


def _prepare(script: Script, project: Project) -> Sequence[Statement]:
    return prepare(script.text, project.relative(script.path), transactional=script.transactional)


def _rollback_scripts(project: Project, plan: Sequence[Applied]) -> list[Rollback]:
    """The rollback files of a plan, read and parsed. Raises DbtoolError that lists those that are missing."""
    folders = {record: project.root if record.number == 0 else project.migrations_dir for record in plan}
    paths = [folders[record] / f"{record.stem}{ROLLBACK_SUFFIX}" for record in plan]
    missing = [project.relative(path) for path in paths if not path.is_file()]
    if missing:
        raise DbtoolError(
            f"rollback file missing: {', '.join(missing)}; nothing was undone",
            hint="Write it (for a change that cannot be undone: a comment that says so), then try again.",
        )
    return [_rollback_script(project, record, path) for record, path in zip(plan, paths, strict=True)]


def _rollback_script(project: Project, record: Applied, path: Path) -> Rollback:
    text = read_sql(path)
    transactional = is_transactional(text, path)
    source = project.relative(path)
    return Rollback(record, source, text, transactional, prepare(text, source, transactional=transactional))


def _apply(
    connection: Connection, history: History, script: Script, source: str, statements: Sequence[Statement]
) -> None:
    """Applies one script and marks it, in one transaction unless the script says otherwise."""
    started = time.perf_counter()
    with _one_file(connection, source, script.text):
        if not script.transactional:
            run_each(connection, script.text, statements, source)
            forget_session(connection)
        with connection.transaction():
            hold_in_transaction(connection)
            history.ensure()
            if script.transactional:
                run_whole(connection, script.text, statements, source)
                # The mark must not depend on a role or a search_path that the script left behind.
                connection.execute(RESET_SETTINGS)
            history.mark(script, time.perf_counter() - started)


def _undo(connection: Connection, history: History, undo: Rollback, *, is_last: bool) -> None:
    """Undoes one script and forgets it, likewise. With the last one, the history itself goes."""
    with _one_file(connection, undo.source, undo.text):
        if not undo.transactional:
            run_each(connection, undo.text, undo.statements, undo.source)
            forget_session(connection)
        with connection.transaction():
            hold_in_transaction(connection)
            if undo.transactional:
                run_whole(connection, undo.text, undo.statements, undo.source)
                connection.execute(RESET_SETTINGS)
            history.unmark(undo.applied)
            if is_last:
                history.drop()


@contextmanager
def _one_file(connection: Connection, source: str, text: str) -> Iterator[None]:
    """Surrounds the work on one file: what it leaves in the session goes, errors outside it name it too."""
    try:
        yield
    except psycopg.Error as error:
        raise failure(error, source, text, None, is_lost=connection.closed) from error
    finally:
        with suppress(psycopg.Error):
            forget_session(connection)


@contextmanager
def session(connect: Connect, report: Reporter) -> Iterator[Connection]:
    """A connection for running scripts, closed afterwards."""
    with closing(connect()) as connection:
        make_ready(connection, report)
        yield connection


def make_ready(connection: Connection, report: Reporter) -> None:
    """Prepares a connection for running scripts: autocommit, server warnings reported."""

    def report_warning(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            report.notice(f"warning: {diagnostic.message_primary}")

    connection.autocommit = True
    connection.add_notice_handler(report_warning)
    watch_client(connection)
