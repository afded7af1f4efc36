"""Mends a history: scripts that stopped on their way, edits of comments, files that are gone.

Planning reads only. What it returns is shown to the user before anything of it is done.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
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
class Finish:
    """Runs the rest of a script that stopped, and marks it; of a rollback file likewise."""

    unfinished: Unfinished
    script: Script | None
    file: File
    kept: int
    """How many of the file's statements are done."""
    drops: tuple[InvalidIndex, ...]

    def lines(self) -> list[str]:
        """What will be done, for people."""
        of = len(self.file.statements)
        lines = [f"finish {self.unfinished.stem}: {self.unfinished}"]
        lines += [f"  {index.drop}  -- it is invalid" for index in self.drops]
        if self.kept < of:
            line = self.file.statements[self.kept].line
            again = self.file.statements[self.kept].is_alone and self.unfinished.error is None
            lines.append(
                f"  run statements {self.kept + 1} to {of}, from {self.file.source}:{line}"
                + (" (that one may have ended; --skip goes on behind it)" if again else "")
            )
        return [*lines, f"  mark it as {'undone' if self.script is None else 'applied'}"]

    def carry_out(self, run: Run) -> None:
        """Does it. Raises ScriptFailed, and the script stays unfinished, when a statement fails."""
        for index in self.drops:
            run.connection.execute(index.drop.encode())
        if self.script is None:
            is_last = [applied.stem for applied in run.history.read()] == [self.unfinished.stem]
            run.undo(self.unfinished.stem, self.file, kept=self.kept, is_last=is_last)
        else:
            run.apply(self.script, self.file, kept=self.kept)


@dataclass(frozen=True)
class Undo:
    """Runs the rollback file of a script that stopped, and forgets it."""

    unfinished: Unfinished
    file: File

    def lines(self) -> list[str]:
        """What will be done, for people."""
        return [f"undo {self.unfinished.stem}: {self.unfinished}", f"  run {self.file.source}"]

    def carry_out(self, run: Run) -> None:
        """Does it. Raises ScriptFailed when the file does not run on what is there."""
        run.undo(self.unfinished.stem, self.file, is_last=not run.history.read())


@dataclass(frozen=True)
class Accept:
    """Takes an edit of comments and white space for what was applied."""

    script: Script
    diff: str

    def lines(self) -> list[str]:
        """What will be done, for people."""
        return [f"accept the edit of {self.script.id}: only comments and white space differ", self.diff]

    def carry_out(self, run: Run) -> None:
        """Does it."""
        with run.history.transaction():
            run.history.accept(self.script)


@dataclass(frozen=True)
class Forget:
    """Takes a script whose file is gone out of the history."""

    stem: str

    def lines(self) -> list[str]:
        """What will be done, for people."""
        return [f"forget {self.stem}: what it made stays in the database, and its text goes"]

    def carry_out(self, run: Run) -> None:
        """Does it."""
        with run.history.transaction():
            run.history.unmark(self.stem, operation=history.FORGOTTEN)


@dataclass(frozen=True)
class Restore:
    """Writes the file of a script from the text that was applied."""

    stem: str
    path: Path
    text: str
    diff: str

    def lines(self) -> list[str]:
        """What will be done, for people."""
        return [f"write {self.path} as {self.stem} was applied", self.diff]

    def carry_out(self, _run: Run) -> None:
        """Does it. Touches no database."""
        self.path.write_text(self.text, encoding="utf-8", newline="\n")


Step = Finish | Undo | Accept | Forget | Restore


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
                steps.append(Undo(entry.unfinished, _rollback_file(project, entry)))
            else:
                steps.append(_finish(connection, project, entry, entry.unfinished, skip=skip))
        elif entry.script and entry.diff and entry.only_comments_differ:
            steps.append(Accept(entry.script, entry.diff))
    if (undo or skip) and not any(isinstance(step, Finish | Undo) for step in steps):
        raise UsageProblem("no script is unfinished", hint="`dbtool status` shows the state of each.")
    return steps


def _finish(
    connection: Connection, project: Project, entry: ScriptState, stopped: Unfinished, *, skip: bool
) -> Finish:
    """How to go on. The statements that ran must be the file's still; what follows them may be corrected."""
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
    return Finish(stopped, None if stopped.is_undo else entry.script, file, kept, tuple(drops))


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


def _forget(entry: ScriptState) -> Forget:
    assert entry.applied is not None
    return Forget(entry.applied.stem)


def _restore(project: Project, entry: ScriptState) -> Restore:
    assert entry.applied is not None
    text = entry.applied.text
    if text is None:
        raise DbtoolError(f"the text of {entry.id} is not known: plain yoyo applied it")
    folder = project.root if entry.number == 0 else project.migrations_dir
    path = entry.path or folder / f"{entry.applied.stem}.sql"
    now = entry.script.text.split("\n") if entry.script else []
    names = (f"{path.name} now", f"{path.name} as applied")
    diff = "\n".join(difflib.unified_diff(now, text.split("\n"), *names, lineterm=""))
    return Restore(entry.applied.stem, path, text, diff)


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
