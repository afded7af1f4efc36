"""How the history of an older database is read with a schema.sql that `dbtool squash` has left.

A database that has what was squashed counts as one that has the schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from toolkit.errors import HistoryProblem
from toolkit.history import events
from toolkit.history.history import Applied, History
from toolkit.history.lock import hold_in_transaction
from toolkit.project.layout import Script, digest, squashed_through, squashes
from toolkit.sql.execute import Connection


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
