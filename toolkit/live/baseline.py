"""Adopting a database that was built by other means: its history is written, nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.errors import Drift, HistoryProblem
from toolkit.history import events
from toolkit.history.history import History
from toolkit.history.lock import exclusive, hold_in_transaction
from toolkit.history.migrations import LIMITS, scripts_up_to
from toolkit.history.run import Connect, session
from toolkit.live.verify import Drifted, differences_from
from toolkit.output import Reporter
from toolkit.project.layout import Project, Script
from toolkit.sql.execute import Connection


@dataclass(frozen=True)
class Adopted:
    """The scripts that count as applied from now on, and what was wrong and let pass."""

    scripts: Sequence[Script]
    ignored: Sequence[Drifted]


def baseline(
    connect: Connect,
    project: Project,
    version: int | str,
    *,
    force: bool = False,
    server: str | None = None,
    url: str | None = None,
    wait: float = LIMITS.wait,
    report: Reporter | None = None,
) -> Adopted:
    """Marks the schema and the migrations up to `version` as applied.

    Raises HistoryProblem when dbtool has applied anything already, and Drift, naming every difference,
    when the catalog is not that of the version, unless `force`. What the tables hold is not compared.
    """
    report = report or Reporter()
    scripts = scripts_up_to(project, version)
    with session(connect, report) as connection:
        _refuse_history(connection)
        texts = [(script.number, script.text) for script in scripts]
        found = differences_from(connection, texts, server, url)
        if found and not force:
            raise Drift(
                f"the database is not {scripts[-1].id}: {len(found)} difference{'s' * (len(found) > 1)}",
                detail="\n".join(map(str, found)),
                hint="Name the version that it is, mend it, or adopt it as it is with --force.",
            )
        with exclusive(connection, wait, report.waiting), connection.transaction():
            hold_in_transaction(connection)
            _refuse_history(connection)
            history = History(connection)
            history.ensure()
            for script in scripts:
                history.mark(script, 0, events.ADOPTED)
    return Adopted(scripts, found)


def _refuse_history(connection: Connection) -> None:
    applied = History(connection).read()
    if applied:
        raise HistoryProblem(
            f"dbtool knows this database already: {applied[-1].id} is the newest script applied",
            hint="`dbtool status` shows all; `dbtool verify` compares it with what they build.",
        )
