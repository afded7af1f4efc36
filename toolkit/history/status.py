"""What a database has and lacks of a project: applied, pending, edited, missing, late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from ..errors import HistoryProblem, summed
from ..project.layout import SCHEMA_ID, Project, Script
from ..sql.execute import Connection
from ..sql.script import same_but_comments
from .history import Applied, History, fold, script_number
from .lock import is_held
from .stepwise import Unfinished, read_unfinished

APPLIED, PENDING, RUNNING = "applied", "pending", "running"
EDITED, MISSING, LATE, UNFINISHED = "edited", "missing", "late", "unfinished"
PROBLEMS = (EDITED, MISSING, LATE, UNFINISHED)


@dataclass(frozen=True)
class ScriptState:
    """What is known about one script: its file, its row in the history, or both."""

    number: int
    script: Script | None
    applied: Applied | None
    state: str
    """applied; pending; edited: the file is not what was applied; missing: applied, but the file is gone;
    late: not applied although one with a higher number is; unfinished: it runs without transaction and
    stopped on its way; running: another run is at it."""
    unfinished: Unfinished | None = None

    @property
    def id(self) -> str:
        return self.script.id if self.script else f"migration{self.number}" if self.number else SCHEMA_ID

    @property
    def applied_at(self) -> datetime | None:
        return self.applied.applied_at if self.applied else None

    @property
    def path(self) -> Path | None:
        return self.script.path if self.script else None

    @cached_property
    def diff(self) -> str | None:
        """For an edited script: the unified diff from the text that was applied to the file."""
        if self.state != EDITED or self.script is None or self.applied is None or self.applied.text is None:
            return None
        import difflib

        before, after = self.applied.text.split("\n"), self.script.text.split("\n")
        names = (f"{self.script.path.name} as applied", f"{self.script.path.name} in the project")
        return "\n".join(difflib.unified_diff(before, after, *names, lineterm=""))

    @property
    def only_comments_differ(self) -> bool:
        """For an edited script: whether nothing but comments and white space was edited."""
        if self.diff is None or self.script is None or self.applied is None or self.applied.text is None:
            return False
        return same_but_comments(self.applied.text, self.script.text)


def status(connection: Connection, project: Project) -> list[ScriptState]:
    """Every script of the project and of the history, in numeric order. Writes nothing."""
    scripts = {script.number: script for script in project.scripts()}
    history = fold(History(connection, project.history).read(unless=scripts.values()), scripts[0])
    applied = {record.number: record for record in history}
    stopped = {
        script_number(stem): found for stem, found in read_unfinished(connection, project.history).items()
    }
    halted = RUNNING if stopped and is_held(connection, project.history) else UNFINISHED
    newest = max(applied, default=-1)
    return [
        ScriptState(
            number,
            scripts.get(number),
            applied.get(number),
            halted if number in stopped else _state(scripts, applied, number, newest),
            stopped.get(number),
        )
        for number in sorted({*scripts, *applied, *(key for key in stopped if key is not None)})
    ]


def refuse_unfinished(states: Sequence[ScriptState], project: Project) -> None:
    """Raises HistoryProblem when a script stopped on its way, whatever else may be wrong."""
    refuse_problems([entry for entry in states if entry.state == UNFINISHED], project)


def newer(states: Sequence[ScriptState]) -> list[ScriptState]:
    """The missing scripts when all of them are newer than the project's: a later version has applied them."""
    missing = [entry for entry in states if entry.state == MISSING]
    ours = max((entry.number for entry in states if entry.script), default=0)
    return missing if all(entry.number > ours for entry in missing) else []


def refuse_problems(
    states: Sequence[ScriptState], project: Project, *, allow_late: bool = False, allow_newer: bool = False
) -> None:
    """Raises HistoryProblem, with the diffs and the ways out, when scripts are in one of PROBLEMS."""
    details, hints = [], []
    later = newer(states)
    passed = [LATE] * allow_late + [MISSING] * (allow_newer and bool(later))
    states = [entry for entry in states if entry.state not in passed]
    by_state = {state: [entry for entry in states if entry.state == state] for state in PROBLEMS}
    if by_state[EDITED]:
        details += [
            entry.diff or f"{entry.id}: the text that was applied is not known" for entry in by_state[EDITED]
        ]
        hints.append(
            "Restore an edited file (`dbtool repair --restore NAME`) and write a new migration, or"
            " roll back to before it, where that may be done. `dbtool repair` accepts an edit of comments."
        )
        if any(entry.number == 0 and not entry.only_comments_differ for entry in by_state[EDITED]):
            hints.append(
                f"If {project.root} is another project than the one that is here, let its dbtool.toml say"
                ' history = "NAME": then it has a history of its own.'
            )
    if by_state[MISSING]:
        details.append(_listing("applied, but without a file in the project", by_state[MISSING]))
        if later:
            hints.append("A newer version of the project has been here: --allow-newer lets this one go on.")
        hints.append(
            "A missing file may be one of a newer version of the project, or of another branch: get it from"
            " there, or write it from the text that was applied with `dbtool repair --restore NAME`;"
            " `dbtool repair --forget NAME` takes it out of the history."
        )
    if by_state[LATE]:
        details.append(_listing("never applied, although a later one is", by_state[LATE]))
        free = max(entry.number for entry in states) + 1
        hints.append(
            f"Rename a late migration to the next free number (migration{free}.sql) with its rollback"
            " file, or apply it as it is with `dbtool migrate --allow-late`."
        )
    if by_state[UNFINISHED]:
        details += [f"{entry.id}: {entry.unfinished}" for entry in by_state[UNFINISHED]]
        hints.append(
            "`dbtool repair` finishes an unfinished script from the statement that was reached (correct that"
            " one in the file first, where it is wrong); `dbtool repair --undo` runs its rollback file."
        )
    if details:
        problems = ", ".join(f"{len(found)} {state}" for state, found in by_state.items() if found)
        raise HistoryProblem(
            f"the history of the database and {project.root} contradict each other: {problems}",
            detail="\n".join(details),
            hint="\n".join(hints),
        )


def _state(scripts: Mapping[int, Script], applied: Mapping[int, Applied], number: int, newest: int) -> str:
    script, record = scripts.get(number), applied.get(number)
    if record is None:
        return LATE if number < newest else PENDING
    if script is None:
        return MISSING
    return APPLIED if record.checksum in (None, script.checksum) else EDITED


def _listing(what: str, entries: Sequence[ScriptState]) -> str:
    return f"{what}: {summed([entry.id for entry in entries])}"
