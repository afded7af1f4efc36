"""Running a script without transaction: statement by statement, each committed together with a note of it.

And what a statement that works concurrently leaves when it is stopped: an invalid index.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import psycopg
from psycopg.pq import TransactionStatus

from .. import __version__
from ..errors import ScriptFailed
from ..sql.execute import Connection, exists, failure, kept_text, send, value
from ..sql.script import TRANSACTION_CONTROL, failing_line
from .lock import SCHEMA, of

if TYPE_CHECKING:
    from ..sql.statements import Statement

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


def read_unfinished(connection: Connection, schema: str = SCHEMA) -> dict[str, Unfinished]:
    """What stopped, or runs, in the database, by the name under which yoyo knows the script."""
    if value(connection, of(schema, "select to_regclass('dbtool.unfinished_script')")) is None:
        return {}
    return {row[0]: Unfinished(*row) for row in connection.execute(of(schema, _READ)).fetchall()}


@dataclass(frozen=True)
class Journal:
    """The row of one script that runs statement by statement."""

    _connection: Connection
    _schema: str
    _stem: str
    _text: str
    _statements: Sequence[Statement]
    _is_undo: bool

    def begin(self, kept: int) -> None:
        """Before the first statement that is to run: `kept` ran earlier."""
        line = self._line(kept + 1)
        values = (self._stem, self._is_undo, self._text, len(self._statements), kept + 1, kept, line)
        with self._as_myself():
            self._connection.execute(of(self._schema, _BEGIN), (*values, __version__))

    def reach(self, number: int, kept: int, error: str | None = None) -> None:
        """Statement `number` is about to run, or has failed with an error; the first `kept` are committed."""
        with self._as_myself():
            values = (number, kept, self._line(number), error, self._stem)
            self._connection.execute(of(self._schema, _REACH), values)

    def keep(self, number: int) -> None:
        """Statement `number` ends: what ran up to it is committed with this note, or was before."""
        self.reach(min(number + 1, len(self._statements)), number)

    def end(self) -> None:
        """The script was marked, or nothing of it is left; part of the transaction that is open."""
        forget_unfinished(self._connection, self._stem, self._schema)

    @contextmanager
    def _as_myself(self) -> Iterator[None]:
        with self._connection.transaction():
            self._connection.execute(_AS_MYSELF)
            yield

    def _line(self, number: int) -> int:
        return self._statements[number - 1].line if number <= len(self._statements) else 1


def forget_unfinished(connection: Connection, stem: str, schema: str) -> None:
    """Removes the row of a script; part of the transaction that is open."""
    connection.execute(of(schema, "delete from dbtool.unfinished_script where script = %s"), [stem])


SETTING = "variable_set_stmt"
_WAY_OUT = "`dbtool repair` goes on from there, `dbtool repair --undo` undoes the file."
# They wait for others without having anybody wait, and leave something behind when they give up.
_PATIENT = ("index_stmt", "drop_stmt", "reindex_stmt", "alter_table_stmt")
# Alone as well, but they leave nothing when they fail, or what may be done twice. COMMIT is one of them.
_REPEATABLE = (TRANSACTION_CONTROL, "vacuum_stmt", "cluster_stmt")


def run_each(
    connection: Connection,
    text: str,
    statements: Sequence[Statement],
    source: str,
    journal: Journal,
    *,
    kept: int,
    patience: Callable[[], Callable[[ScriptFailed], bool]],
) -> None:
    """Runs the statements after the first `kept`, each committing by itself on an autocommit connection.

    A script may open a transaction of its own; one that it leaves open is an error. Settings that the first
    ones made are made again. What fails and leaves nothing, a statement or the script's transaction, is run
    again as long as `patience`, asked for each, says so. Raises ScriptFailed that names source and line,
    and says which statements stay.
    """
    for statement in statements[:kept]:
        if statement.kind == SETTING:
            send(connection, statement.text)
    journal.begin(kept)
    stay, again = kept, patience()
    number = kept + 1
    while number <= len(statements):
        statement = statements[number - 1]
        try:
            if _run(connection, statement, number, journal):
                stay, again = number, patience()
            number += 1
        except psycopg.Error as error:
            is_undone = not statement.is_alone or statement.kind in _REPEATABLE or _is_in_block(connection)
            inner = failing_line(statement.text, [replace(statement, line=1)], 0, error.diag)
            line = statement.line + (inner or 1) - 1
            message = error.diag.message_primary or " ".join(str(error).split())
            _stop(connection, journal, number, stay, message, is_open=statement.is_alone)
            ran, of, user = statements[:stay], len(statements), connection.info.user
            failed = failure(error, source, text, line, kept=ran, of=of, role=user)
            if is_undone and again(failed):
                journal.begin(stay)
                number = stay + 1
                continue
            if stay or statement.is_alone:
                failed.hint = "\n".join(filter(None, [failed.hint, _WAY_OUT]))
            raise failed from error
        except BaseException:
            _stop(connection, journal, number, stay, "interrupted", is_open=True)
            raise
    if stay < len(statements):
        opening = statements[stay]
        message = "the transaction that begins here is never committed"
        _stop(connection, journal, stay + 1, stay, message, is_open=False)
        raise ScriptFailed(
            f"{source}:{opening.line}: {message}",
            detail=kept_text(statements[:stay], len(statements)),
            hint=_WAY_OUT if stay else None,
            source=source,
            line=opening.line,
        )


def _run(connection: Connection, statement: Statement, number: int, journal: Journal) -> bool:
    """Runs one statement; returns whether it, and all before it, are committed and noted."""
    what = (statement.text, statement.rows)
    if _is_in_block(connection):
        if statement.kind == TRANSACTION_CONTROL:
            journal.keep(number)  # committed with the script's own COMMIT, gone with its ROLLBACK
        send(connection, *what).require()
    elif statement.is_alone:
        journal.reach(number, number - 1)
        with _patience(connection, statement):
            send(connection, *what).require()
    else:
        with connection.transaction():
            send(connection, *what).require()
            journal.keep(number)
        return True
    if _is_in_block(connection):
        return False
    journal.keep(number)
    return True


@contextmanager
def _patience(connection: Connection, statement: Statement) -> Iterator[None]:
    """Lifts the limit on waiting for locks from what works concurrently."""
    if statement.kind not in _PATIENT:
        yield
        return
    row = connection.execute("select current_setting('lock_timeout')").fetchone()
    connection.execute("set lock_timeout = 0")
    yield
    connection.execute("select set_config('lock_timeout', %s, false)", row)


def _stop(
    connection: Connection, journal: Journal, number: int, stay: int, error: str, *, is_open: bool
) -> None:
    """Notes what stopped the script; when nothing was begun for good, that there was nothing."""
    with suppress(psycopg.Error):
        if connection.closed:
            return
        if connection.info.transaction_status != TransactionStatus.IDLE:
            connection.rollback()
        if stay == 0 and not is_open:
            with connection.transaction():
                journal.end()
        else:
            journal.reach(number, stay, error)


def _is_in_block(connection: Connection) -> bool:
    return connection.info.transaction_status != TransactionStatus.IDLE


# Partitioned indexes are invalid until every partition has its own; those being built now become valid.
_INVALID = """
select c.relname, i.indrelid::regclass::text, format('%%I.%%I', n.nspname, c.relname)
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where not i.indisvalid and c.relkind = 'i' and n.nspname <> 'pg_toast'
   and not exists (select from pg_catalog.pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
   and (%(table)s::text is null or i.indrelid = to_regclass(%(table)s::text))
 order by 3
"""


@dataclass(frozen=True)
class InvalidIndex:
    """An index that is kept up to date, slowing writes, and never read."""

    name: str
    table: str
    identity: str
    """schema.name, quoted where needed."""

    @property
    def drop(self) -> str:
        """The statement that removes it; nobody waits for it."""
        return f"drop index concurrently {self.identity};"

    def __str__(self) -> str:
        return f"the index {self.identity} of {self.table} is invalid: `{self.drop}`, or reindex it"


def invalid_indexes(connection: Connection, table: str | None = None) -> list[InvalidIndex]:
    """The invalid indexes of the database, or of one table, by name; writes nothing."""
    rows = connection.execute(_INVALID, {"table": table}).fetchall()
    return [InvalidIndex(*row) for row in rows]


_HALF_REINDEXED = re.compile(r"_cc(new|old)[0-9]*$")


def left_by(connection: Connection, statement: Statement) -> list[InvalidIndex]:
    """The invalid indexes that the statement, stopped on its way, has left in the database."""
    if not statement.is_alone:
        return []
    if statement.kind == "reindex_stmt":
        return [index for index in invalid_indexes(connection) if _HALF_REINDEXED.search(index.name)]
    if statement.kind != "index_stmt":
        return []
    name, table = _index(statement)
    return [index for index in invalid_indexes(connection, table) if not name or index.name == name]


def has_ended(connection: Connection, statement: Statement) -> bool:
    """Whether the index that the statement makes is there and valid: it had ended when it was stopped."""
    if statement.kind != "index_stmt":
        return False
    name, table = _index(statement)
    return exists(
        connection,
        "select from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid"
        " where i.indrelid = to_regclass(%s) and c.relname = %s and i.indisvalid",
        (table, name),
    )


def _index(statement: Statement) -> tuple[str, str]:
    """The name of the index, empty where PostgreSQL chooses it, and its table as it is written, quoted."""
    from ..sql.statements import quote

    node = statement.node
    parts = [node.relation.schemaname, node.relation.relname]
    return node.idxname, ".".join(quote(part) for part in parts if part)
