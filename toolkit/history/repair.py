"""Mends a history: scripts that stopped on their way, edits of comments, files that are gone.

Planning reads only. What it returns is shown to the user before anything of it is done.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import DbtoolError, UsageProblem, did_you_mean
from ..project.layout import Project, Script, read_sql
from ..sql.execute import Connection, send
from ..sql.script import TRANSACTION_CONTROL, same_but_comments, split
from . import history
from .migrations import rollback_path, sql_file
from .run import File, Run
from .status import EDITED, MISSING, UNFINISHED, ScriptState, status
from .stepwise import SETTING, InvalidIndex, Unfinished, has_ended, left_by

if TYPE_CHECKING:
    from ..sql.statements import Statement


@dataclass(frozen=True)
class Step:
    """One thing that mends the history."""

    lines: tuple[str, ...]
    """What will be done, for people."""
    carry_out: Callable[[Run], object] = field(compare=False)
    """Does it. Raises ScriptFailed when a statement fails; what is unfinished stays so."""
    basis: tuple[object, ...] = ()
    """What it goes by: while people decide, another run may change that."""
    is_about_unfinished: bool = False


def plan(
    connection: Connection,
    project: Project,
    *,
    undo: bool = False,
    skip: bool = False,
    forget: Sequence[str] = (),
    restore: Sequence[str] = (),
) -> list[Step]:
    """What mends the history, in order; writes nothing.

    With `forget` or `restore` these scripts alone; else every unfinished script (with `undo`: it is undone;
    with `skip`: the statement that it reached is taken for done) and every edit of comments. Raises
    UsageProblem for a script that is not in such a state, DbtoolError for one that cannot be mended.
    """
    states = status(connection, project)
    if forget or restore:
        missing = [_forget(_named(states, name, (MISSING,))) for name in forget]
        return [*missing, *(_restore(project, _named(states, name, (MISSING, EDITED))) for name in restore)]
    steps: list[Step] = []
    for entry in states:
        if entry.state == UNFINISHED and entry.unfinished is not None:
            if undo and not entry.unfinished.is_undo:
                steps.append(_undo(entry.unfinished, _rollback_file(project, entry)))
            else:
                steps.append(_finish(connection, project, entry, entry.unfinished, skip=skip))
        elif entry.script and entry.diff and entry.only_comments_differ:
            steps.append(_accept(entry.script, entry.diff))
    if (undo or skip) and not any(step.is_about_unfinished for step in steps):
        raise UsageProblem("no script is unfinished", hint="`dbtool status` shows the state of each.")
    return steps


def _finish(
    connection: Connection, project: Project, entry: ScriptState, stopped: Unfinished, *, skip: bool
) -> Step:
    """Runs the rest of a script, or rollback file, that stopped, and marks it.

    The statements that ran must be the file's still; what follows them may be corrected.
    """
    if stopped.is_undo:
        file = _rollback_file(project, entry)
    elif entry.script is None:
        raise DbtoolError(
            f"the file of {entry.id}, which stopped on its way, is gone", hint="Get it back, then try again."
        )
    else:
        file = sql_file(project, entry.script.path, entry.script.text)
    if file.transactional:
        raise DbtoolError(
            f"{file.source} was begun without transaction, and no longer says so",
            hint="Make '-- transactional: false' its first line again.",
        )
    begun = split(stopped.text)
    kept = stopped.kept
    _refuse_edits(file, begun[:kept])
    drops: list[InvalidIndex] = []
    if kept < len(begun):
        with connection.transaction(force_rollback=True):
            for statement in begun[:kept]:
                if statement.kind == SETTING:
                    send(connection, statement.text)
            drops = left_by(connection, begun[kept])
            is_over = stopped.error is None and has_ended(connection, begun[kept])
        if skip and begun[kept].kind == TRANSACTION_CONTROL:
            raise UsageProblem(
                f"{entry.id} stopped in a transaction of its own, which was rolled back as a whole:"
                " nothing of it can be skipped"
            )
        kept += is_over or skip
    script, of = None if stopped.is_undo else entry.script, len(file.statements)
    lines = [f"finish {stopped.stem}: {stopped}", *(f"  {index.drop}  -- it is invalid" for index in drops)]
    if kept < of:
        following = file.statements[kept]
        again = following.is_alone and stopped.error is None
        lines.append(
            f"  run statements {kept + 1} to {of}, from {file.source}:{following.line}"
            + (" (that one may have ended; --skip goes on behind it)" if again else "")
        )

    def carry_out(run: Run) -> None:
        for index in drops:
            run.connection.execute(index.drop.encode())
        if script is None:
            is_last = [applied.stem for applied in run.history.read()] == [stopped.stem]
            run.undo(stopped.stem, file, kept=kept, is_last=is_last)
        else:
            run.apply(script, file, kept=kept)

    lines.append(f"  mark it as {'undone' if script is None else 'applied'}")
    return Step(tuple(lines), carry_out, (stopped, file, kept), is_about_unfinished=True)


def _undo(stopped: Unfinished, file: File) -> Step:
    """Runs the rollback file of a script that stopped, and forgets it."""

    def carry_out(run: Run) -> None:
        run.undo(stopped.stem, file, is_last=not run.history.read())

    lines = (f"undo {stopped.stem}: {stopped}", f"  run {file.source}")
    return Step(lines, carry_out, (stopped, file), is_about_unfinished=True)


def _accept(script: Script, diff: str) -> Step:
    """Takes an edit of comments and white space for what was applied."""

    def carry_out(run: Run) -> None:
        with run.history.transaction():
            run.history.accept(script)

    lines = (f"accept the edit of {script.id}: only comments and white space differ", diff)
    return Step(lines, carry_out, (script.checksum,))


def _refuse_edits(file: File, ran: Sequence[Statement]) -> None:
    pairs = zip(ran, file.statements, strict=False)
    if len(file.statements) < len(ran) or any(not same_but_comments(a.text, b.text) for a, b in pairs):
        raise DbtoolError(
            f"{file.source} was edited where it ran already: in the first {len(ran)} statements",
            hint="Put these back as they were; correct the statement that failed, and what follows it.",
        )


def _rollback_file(project: Project, entry: ScriptState) -> File:
    path = rollback_path(project, entry.unfinished.stem if entry.unfinished else entry.id, entry.script)
    if not path.is_file():
        raise DbtoolError(
            f"rollback file missing: {project.relative(path)}", hint="Write it, then try again."
        )
    return sql_file(project, path, read_sql(path))


def _forget(entry: ScriptState) -> Step:
    """Takes a script whose file is gone out of the history."""
    assert entry.applied is not None
    stem = entry.applied.stem

    def carry_out(run: Run) -> None:
        with run.history.transaction():
            run.history.unmark(stem, operation=history.FORGOTTEN)

    return Step((f"forget {stem}: what it made stays in the database, and its text goes",), carry_out)


def _restore(project: Project, entry: ScriptState) -> Step:
    """Writes the file of a script from the text that was applied; touches no database."""
    assert entry.applied is not None
    text = entry.applied.text
    if text is None:
        raise DbtoolError(f"the text of {entry.id} is not known: plain yoyo applied it")
    folder = project.root if entry.number == 0 else project.migrations_dir
    path = entry.path or folder / f"{entry.applied.stem}.sql"
    now = entry.script.text.split("\n") if entry.script else []
    names = (f"{path.name} now", f"{path.name} as applied")
    diff = "\n".join(difflib.unified_diff(now, text.split("\n"), *names, lineterm=""))

    def carry_out(_: Run) -> None:
        path.write_text(text, encoding="utf-8", newline="\n")

    return Step((f"write {path} as {entry.applied.stem} was applied", diff), carry_out)


def _named(states: Sequence[ScriptState], name: str, allowed: Sequence[str]) -> ScriptState:
    """The script of that name or number. Raises UsageProblem unless it is in one of these states."""
    wanted = name.strip().lower()
    for entry in states:
        if wanted in (entry.id, str(entry.number) if entry.number else entry.id):
            if entry.state not in allowed:
                raise UsageProblem(f"{entry.id} is {entry.state}, not {' or '.join(allowed)}")
            return entry
    near = did_you_mean(wanted, [entry.id for entry in states])
    raise UsageProblem(
        f"there is no script {name}", hint=" ".join(filter(None, ["`dbtool status` lists them.", near]))
    )
