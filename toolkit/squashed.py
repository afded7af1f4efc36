"""What `dbtool squash` leaves in schema.sql, and how the history of an older database is read with it.

A comment at the top says which scripts the file stands for: `-- squashed: through migration7 as DIGEST`, the
digest being that of the texts that were applied. A database with just these counts as one that has the
schema. Of a file that was squashed more than once, each older history has a line of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from toolkit import events
from toolkit.errors import HistoryProblem
from toolkit.execute import Connection
from toolkit.history import Applied, History
from toolkit.lock import hold_in_transaction
from toolkit.project import Script

_LINE = re.compile(r"^-- squashed: through migration([0-9]+) as ([0-9a-f]{64})$", re.MULTILINE)


@dataclass(frozen=True)
class Squash:
    """One history that a schema.sql stands for."""

    through: int
    digest: str

    def __str__(self) -> str:
        return f"-- squashed: through migration{self.through} as {self.digest}"


def squashes(schema: Script) -> list[Squash]:
    """The histories that a schema.sql stands for; none when it was never squashed."""
    return [Squash(int(match[1]), match[2]) for match in _LINE.finditer(schema.text)]


def squashed_through(schema: Script) -> int:
    """The number of the last migration in a squashed schema.sql, 0 for one that is none."""
    return max((each.through for each in squashes(schema)), default=0)


def digest(scripts: Iterable[tuple[int, str]], before: str = "") -> str:
    """The digest of scripts, given as number and checksum; `before` is that of those that came earlier."""
    for number, checksum in scripts:
        before = hashlib.sha256(f"{before}{number}:{checksum}\n".encode()).hexdigest()
    return before


def fold(records: Sequence[Applied], schema: Script) -> list[Applied]:
    """The history as the project has it now: what was squashed into schema.sql counts as the schema.

    Raises HistoryProblem for a database that has some of it, or something else.
    """
    known = squashes(schema)
    newest = squashed_through(schema)
    inside = [each for each in records if each.number <= newest]
    if not known or not inside or inside[0].checksum == schema.checksum:
        return list(records)
    checksums = [(each.number, each.checksum) for each in inside if each.checksum is not None]
    last = inside[-1]
    by_yoyo = len(checksums) < len(inside) and last.number == known[0].through
    if by_yoyo or digest(checksums) in {each.digest for each in known}:
        as_schema = replace(last, number=0, stem=schema.stem, checksum=schema.checksum, text=schema.text)
        return [as_schema, *(each for each in records if each not in inside)]
    through = f"migration{known[0].through}"
    if last.number < known[0].through:
        raise HistoryProblem(
            f"the database is at {last.id}, but schema.sql holds everything through {through}",
            hint=f"Bring it to {through} with the project as it was before `dbtool squash` (git has it):"
            f" `dbtool migrate --to {known[0].through}`. Then it goes on with this one.",
        )
    raise HistoryProblem(
        f"the database has other texts up to {through} than those that were squashed into schema.sql",
        hint="Look at `dbtool status` with the project as it was before `dbtool squash` (git has it).",
    )


def remap(connection: Connection, schema: Script) -> None:
    """Writes the history of a database as `fold` reads it. The lock of the database must be held."""
    if not squashes(schema):
        return
    history = History(connection)
    records = history.read()
    if fold(records, schema) == records:
        return
    with connection.transaction():
        hold_in_transaction(connection)
        for record in records:
            if record.number <= squashed_through(schema):
                history.unmark(record.stem, operation=events.SQUASHED)
        history.mark(schema, 0, events.SQUASHED)
