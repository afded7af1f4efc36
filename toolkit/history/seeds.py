"""Loading reference data: `seeds/core` first, then each product's folder in one transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from toolkit.errors import PendingMigrations, UsageProblem
from toolkit.history.lock import exclusive, hold_in_transaction
from toolkit.history.run import make_ready
from toolkit.history.status import PENDING, refuse_problems, status
from toolkit.output import Reporter
from toolkit.project.layout import Project, natural_key, read_sql
from toolkit.sql.execute import Connection, failure, forget_session, run_whole
from toolkit.sql.limits import WAIT_SECONDS
from toolkit.sql.script import refuse_unfit

CORE = "core"


@dataclass(frozen=True)
class SeedSet:
    """The files of one system, in the order in which they run."""

    system: str
    files: tuple[Path, ...]


def systems(project: Project) -> list[str]:
    """The names of the systems that have seeds: core first, the others in alphabetical order."""
    if not project.seeds_dir.is_dir():
        return []
    names = (path.name for path in project.seeds_dir.iterdir() if path.is_dir())
    return sorted(
        (name for name in names if not name.startswith((".", "_"))), key=lambda name: (name != CORE, name)
    )


def plan(project: Project, names: Sequence[str] = (), *, demo: bool = False) -> list[SeedSet]:
    """What a run loads: core, then the named systems (none: all). Raises UsageProblem for an unknown name."""
    known = systems(project)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageProblem(
            f"no seeds for {', '.join(unknown)}",
            hint=f"There are seeds for: {', '.join(known) or 'no system'}.",
        )
    core = [name for name in known if name == CORE]
    chosen = list(dict.fromkeys([*core, *(names or known)]))
    return [SeedSet(name, _files(project.seeds_dir / name, demo=demo)) for name in chosen]


def seed(
    connection: Connection,
    project: Project,
    names: Sequence[str] = (),
    *,
    demo: bool = False,
    wait: float = WAIT_SECONDS,
    report: Reporter | None = None,
) -> list[SeedSet]:
    """Loads the seeds of the named systems (none: all), each system as a whole or not at all.

    The connection becomes autocommit. Raises PendingMigrations or HistoryProblem, loading nothing, when the
    database is not what the project describes; ScriptFailed for a file that fails, after which the systems
    loaded before stay.
    """
    report = report or Reporter()
    sets = plan(project, names, demo=demo)
    make_ready(connection, report)
    with exclusive(connection, wait, report.waiting):
        _refuse_unless_migrated(connection, project)
        for seeds in sets:
            with report.step("seeding", "seeded", seeds.system):
                _load(connection, project, seeds)
    return sets


def _files(folder: Path, *, demo: bool) -> tuple[Path, ...]:
    folders = [folder, folder / "demo"] if demo else [folder]
    return tuple(
        path
        for one in folders
        for path in sorted(one.glob("*.sql"), key=lambda path: natural_key(path.name))
        if path.is_file() and not path.name.startswith(".")
    )


def _load(connection: Connection, project: Project, seeds: SeedSet) -> None:
    source = text = ""
    try:
        with connection.transaction():
            hold_in_transaction(connection)
            for path in seeds.files:
                source, text = project.relative(path), read_sql(path)
                refuse_unfit(text, source, transactional=True)
                run_whole(connection, text, source)
    except psycopg.Error as error:
        lost = connection.closed
        raise failure(error, f"seeds of {seeds.system}", text, None, is_lost=lost) from error
    finally:
        forget_session(connection)


def _refuse_unless_migrated(connection: Connection, project: Project) -> None:
    states = status(connection, project)
    refuse_problems(states, project)
    pending = [entry.id for entry in states if entry.state == PENDING]
    if pending:
        raise PendingMigrations(
            f"the database lacks {len(pending)} of the project's scripts, from {pending[0]} on",
            hint="Run `dbtool migrate` first.",
        )
