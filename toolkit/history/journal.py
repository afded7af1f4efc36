"""How far a script got that runs without transaction, noted as it goes, so that nothing is lost by a kill.

A row of dbtool.unfinished_script is there from before a script's first statement until it is marked as
applied or undone. What stopped in between is in it for `dbtool status` and `dbtool repair`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from toolkit import __version__
from toolkit.sql.script import Statement

if TYPE_CHECKING:
    from toolkit.sql.execute import Connection

CREATE = """
create table if not exists dbtool.unfinished_script (
  script         text primary key,
  is_undo        boolean not null,
  text           text not null,
  statements     integer not null,
  reached        integer not null,
  kept           integer not null,
  line           integer not null,
  error          text,
  begun_at       timestamptz not null default clock_timestamp(),
  begun_by       text not null default session_user,
  dbtool_version text not null
);
comment on table dbtool.unfinished_script is
  'Scripts that run, or stopped, without transaction: the statement reached, and how many were committed.';
"""
_BEGIN = """
insert into dbtool.unfinished_script
  (script, is_undo, text, statements, reached, kept, line, dbtool_version)
values (%s, %s, %s, %s, %s, %s, %s, %s)
on conflict (script) do update set is_undo = excluded.is_undo, text = excluded.text,
  statements = excluded.statements, reached = excluded.reached, kept = excluded.kept, line = excluded.line,
  error = null, dbtool_version = excluded.dbtool_version
"""
_REACH = (
    "update dbtool.unfinished_script set reached = %s, kept = %s, line = %s, error = %s where script = %s"
)
_READ = """
select script, is_undo, text, statements, reached, kept, line, error, begun_at, begun_by
  from dbtool.unfinished_script
"""
# Whatever role and session authorization a script has set, the journal is written as who runs dbtool.
_AS_MYSELF = "set local session authorization default; set local role none"


@dataclass(frozen=True)
class Unfinished:
    """A script that stopped between its first statement and its mark."""

    stem: str
    is_undo: bool
    """Whether it is the rollback file that stopped."""
    text: str
    """The file as it was begun."""
    statements: int
    reached: int
    """The statement that ran last, counted from 1."""
    kept: int
    """How many statements are known to have been committed: all before that number."""
    line: int
    """The line of the statement that was reached."""
    error: str | None
    """What stopped it; None when it had no time to say, as after `kill -9`."""
    begun_at: datetime
    begun_by: str

    def __str__(self) -> str:
        reason = self.error or "its session ended without saying why"
        verb = "undoing it stopped" if self.is_undo else "it stopped"
        return f"{verb} at statement {self.reached} of {self.statements}, line {self.line}: {reason}"


def read_unfinished(connection: Connection) -> dict[str, Unfinished]:
    """What stopped, or runs, in the database, by the name under which yoyo knows the script."""
    if connection.execute("select to_regclass('dbtool.unfinished_script')").fetchone() == (None,):
        return {}
    return {row[0]: Unfinished(*row) for row in connection.execute(_READ).fetchall()}


class Journal:
    """The row of one script that runs statement by statement."""

    def __init__(
        self, connection: Connection, stem: str, text: str, statements: Sequence[Statement], *, is_undo: bool
    ) -> None:
        self._connection = connection
        self._stem = stem
        self._text = text
        self._statements = statements
        self._is_undo = is_undo

    def begin(self, kept: int) -> None:
        """Before the first statement that is to run: `kept` ran earlier."""
        line = self._line(kept + 1)
        values = (self._stem, self._is_undo, self._text, len(self._statements), kept + 1, kept, line)
        with self._as_myself():
            self._connection.execute(_BEGIN, (*values, __version__))

    def reach(self, number: int, kept: int, error: str | None = None) -> None:
        """Statement `number` is about to run, or has failed with an error; the first `kept` are committed."""
        with self._as_myself():
            self._connection.execute(_REACH, (number, kept, self._line(number), error, self._stem))

    def keep(self, number: int) -> None:
        """Statement `number` ends: what ran up to it is committed with this note, or was before."""
        self.reach(min(number + 1, len(self._statements)), number)

    def end(self) -> None:
        """The script was marked, or nothing of it is left; part of the transaction that is open."""
        forget_unfinished(self._connection, self._stem)

    @contextmanager
    def _as_myself(self) -> Iterator[None]:
        with self._connection.transaction():
            self._connection.execute(_AS_MYSELF)
            yield

    def _line(self, number: int) -> int:
        return self._statements[number - 1].line if number <= len(self._statements) else 1


def forget_unfinished(connection: Connection, stem: str) -> None:
    """Removes the row of a script; part of the transaction that is open."""
    connection.execute("delete from dbtool.unfinished_script where script = %s", [stem])
