"""Loading reference data: `seeds/core` first, then each product's folder in one transaction of its own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from ..configuration import parse_toml
from ..errors import DbtoolError, PendingMigrations, UsageProblem
from ..output import Reporter
from ..project.layout import Project, natural_key, read_sql
from ..sql.execute import Connection, as_connected, failure, forget_session, run_whole
from ..sql.limits import WAIT_SECONDS
from ..sql.script import refuse_unfit
from .lock import exclusive, hold_in_transaction
from .run import make_ready
from .status import PENDING, refuse_problems, status

CORE = "core"
RULES = "seeds.toml"
_MIX = "select set_config('dbtool.mix', 'on', true)"


@dataclass(frozen=True)
class SeedSet:
    """The files of one system, in the order in which they run."""

    system: str
    files: tuple[Path, ...]


def systems(project: Project) -> list[str]:
    """The names of the systems that have seeds: core first, the others in alphabetical order."""
    folders = [each.seeds_dir for each in project.stack if each.seeds_dir.is_dir()]
    names = {path.name for folder in folders for path in folder.iterdir() if path.is_dir()}
    return sorted(
        (name for name in names if not name.startswith((".", "_"))), key=lambda name: (name != CORE, name)
    )


def default_system(project: Project) -> str | None:
    """The system that a database gets when none is named; None where that is all of them."""
    return _rules(project).get("default")


def plan(project: Project, names: Sequence[str] = (), *, demo: bool = False) -> list[SeedSet]:
    """What a run loads: core, then the named systems (none: all). Raises UsageProblem for an unknown name.

    Where the project stands on another, the files that this has of a system come first.
    """
    known = systems(project)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageProblem(
            f"no seeds for {', '.join(unknown)}",
            hint=f"There are seeds for: {', '.join(known) or 'no system'}.",
        )
    core = [name for name in known if name == CORE]
    chosen = list(dict.fromkeys([*core, *(names or known)]))
    return [
        SeedSet(
            name, tuple(path for each in project.stack for path in _files(each.seeds_dir / name, demo=demo))
        )
        for name in chosen
    ]


def seed(
    connection: Connection,
    project: Project,
    names: Sequence[str] = (),
    *,
    demo: bool = False,
    mix: bool = False,
    allow_newer: bool = False,
    wait: float = WAIT_SECONDS,
    report: Reporter | None = None,
) -> list[SeedSet]:
    """Loads the seeds of the named systems, each system as a whole or not at all.

    Without names these are all; where a database holds one system only (seeds/seeds.toml says so), the one
    that it holds, else the project's default. The connection becomes autocommit. Raises, loading nothing:
    PendingMigrations or HistoryProblem when the database is not what the project describes, DbtoolError when
    it holds another system, unless they are to `mix`. Raises ScriptFailed for a file that fails, after which
    the systems loaded before stay.
    """
    report = report or Reporter()
    plan(project, names)
    make_ready(connection, report)
    with ExitStack() as locks:
        for each in project.stack:
            locks.enter_context(exclusive(connection, wait, report.waiting, each.history))
            _refuse_unless_migrated(connection, each, allow_newer=allow_newer)
        sets = plan(project, _choose(connection, project, names, mix=mix), demo=demo)
        for seeds in sets:
            with report.step("seeding", "seeded", seeds.system):
                _load(connection, project, seeds, mix=mix)
    return sets


def _rules(project: Project) -> dict[str, Any]:
    """What seeds/seeds.toml says; empty where the systems of a project do not exclude one another."""
    found: dict[str, Any] = {}
    paths = [path for each in project.stack if (path := each.seeds_dir / RULES).is_file()]
    if not paths:
        return {}
    for path in paths:
        found |= parse_toml(path.read_text(encoding="utf-8"), project.relative(path))
    wrong = [
        key for key, value in found.items() if key not in ("default", "held") or not isinstance(value, str)
    ]
    if wrong or len(found) != 2 or found["default"] not in systems(project):
        raise UsageProblem(
            f"{project.relative(path)} does not say which systems exclude one another",
            hint='It has two lines: default = "a folder of seeds/", held = "a query for the folders that a'
            ' database holds".',
        )
    return found


def _choose(connection: Connection, project: Project, names: Sequence[str], *, mix: bool) -> Sequence[str]:
    """What to load into this database. Raises DbtoolError when that would mix systems."""
    rules = _rules(project)
    if not rules or (mix and not names):
        return names
    held = [str(name) for (name,) in connection.execute(rules["held"].encode()).fetchall()]
    known = systems(project)
    chosen = names or [name for name in known if name in held] or [rules["default"]]
    others = [name for name in dict.fromkeys(chosen) if name not in (CORE, *held)]
    if others and len(held) + len(others) > 1 and not mix:
        place = f"a database that holds {' and '.join(held)}" if held else "one database"
        raise DbtoolError(
            f"the seeds of {' and '.join(others)} do not go into {place}",
            hint="Give each a database of its own, as `dbtool up SYSTEM` does on the embedded server, or load"
            " them together on purpose with --mix.",
        )
    return chosen


def _files(folder: Path, *, demo: bool) -> tuple[Path, ...]:
    folders = [folder, folder / "demo"] if demo else [folder]
    return tuple(
        path
        for one in folders
        for path in sorted(one.glob("*.sql"), key=lambda path: natural_key(path.name))
        if path.is_file() and not path.name.startswith(".")
    )


def _load(connection: Connection, project: Project, seeds: SeedSet, *, mix: bool) -> None:
    source = text = ""
    try:
        with connection.transaction():
            hold_in_transaction(connection, project.history)
            for path in seeds.files:
                source, text = project.relative(path), read_sql(path)
                refuse_unfit(text, source, transactional=True)
                if mix:
                    connection.execute(_MIX)
                as_connected(connection)
                run_whole(connection, text, source)
    except psycopg.Error as error:
        lost = connection.closed
        raise failure(error, f"seeds of {seeds.system}", text, None, is_lost=lost) from error
    finally:
        forget_session(connection)


def _refuse_unless_migrated(connection: Connection, project: Project, *, allow_newer: bool) -> None:
    states = status(connection, project)
    refuse_problems(states, project, allow_newer=allow_newer)
    pending = [entry.id for entry in states if entry.state == PENDING]
    if pending:
        raise PendingMigrations(
            f"the database lacks {len(pending)} of the project's scripts, from {pending[0]} on",
            hint="Run `dbtool migrate` first.",
        )
