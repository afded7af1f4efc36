"""Running a script's text on a connection, and leaving the session as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import generators
from psycopg.pq import ExecStatus, TransactionStatus

from toolkit.errors import ScriptFailed
from toolkit.script import Statement, excerpt, failing_line

if TYPE_CHECKING:
    from psycopg.abc import PQGen

Connection = psycopg.Connection[tuple[Any, ...]]

_LOST = "the connection broke, perhaps during the commit: `dbtool status` tells whether it was applied"

# What a script may leave behind for the session. Works inside a transaction block, where DISCARD ALL does
# not, and leaves advisory locks alone, of which dbtool holds one.
RESET_SETTINGS = "reset session authorization; reset role; reset all"
FORGET_SESSION = (
    f"{RESET_SETTINGS}; close all; unlisten *; deallocate all; discard temp; discard sequences; discard plans"
)


@dataclass(frozen=True)
class Outcome:
    """How far a text got: the number of statements that succeeded and the error that stopped it."""

    completed: int
    error: psycopg.Error | None


def send(connection: Connection, text: str) -> Outcome:
    """Sends a text of any number of statements as one simple query, dropping the rows that it returns.

    Nothing in the text is taken for a parameter, nothing is prepared, and one result is held at a time.
    Ctrl-C cancels the query in the server.
    """
    progress = _Progress()
    try:
        connection.wait(_send(connection, text, progress))
    except psycopg.Error as error:
        # The connection itself broke; a statement's own error would be the first.
        progress.error = progress.error or error
    return Outcome(progress.completed, progress.error)


@dataclass
class _Progress:
    completed: int = 0
    error: psycopg.Error | None = None


def _send(connection: Connection, text: str, progress: _Progress) -> PQGen[None]:
    pgconn = connection.pgconn
    pgconn.send_query(text.encode())
    yield from generators.send(pgconn)
    while (result := (yield from generators.fetch(pgconn))) is not None:
        if result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            progress.completed += 1
        elif result.status == ExecStatus.FATAL_ERROR and progress.error is None:
            progress.error = psycopg.errors.error_from_result(result, connection.info.encoding)


def run_whole(connection: Connection, text: str, statements: Sequence[Statement], source: str) -> None:
    """Runs a script in the transaction that is open. Raises ScriptFailed, naming source and line."""
    outcome = send(connection, text)
    if outcome.error is not None:
        line = failing_line(text, statements, outcome.completed, outcome.error.diag)
        raise failure(outcome.error, source, text, line)


def run_each(connection: Connection, text: str, statements: Sequence[Statement], source: str) -> None:
    """Runs a script statement by statement, each committing by itself on an autocommit connection.

    A script may open a transaction of its own; one that it leaves open is an error. Raises ScriptFailed
    that names source and line, and says which statements stay.
    """
    kept = 0
    for number, statement in enumerate(statements, 1):
        outcome = send(connection, statement.text)
        if outcome.error is not None:
            inner = failing_line(statement.text, [replace(statement, line=1)], 0, outcome.error.diag)
            line = statement.line + (inner or 1) - 1
            _roll_back(connection)
            raise failure(outcome.error, source, text, line, kept=statements[:kept], of=len(statements))
        if connection.info.transaction_status == TransactionStatus.IDLE:
            kept = number
    if kept < len(statements):
        _roll_back(connection)
        raise ScriptFailed(
            f"{source}:{statements[kept].line}: the transaction that begins here is never committed",
            detail=_kept_text(statements[:kept], len(statements)),
            source=source,
            line=statements[kept].line,
        )


def failure(
    error: psycopg.Error,
    source: str,
    text: str,
    line: int | None,
    *,
    kept: Sequence[Statement] | None = None,
    of: int = 0,
    is_lost: bool = False,
) -> ScriptFailed:
    """The server's error as dbtool shows it.

    `kept` is what stays of a script that ran without transaction. `is_lost`: the connection broke outside
    the script's own statements, and so perhaps during the commit.
    """
    diagnostic = error.diag
    message = diagnostic.message_primary or " ".join(str(error).split()) or type(error).__name__
    state = f" (SQLSTATE {error.sqlstate})" if error.sqlstate else ""
    details = [
        excerpt(text, line) if line else None,
        diagnostic.message_detail,
        diagnostic.context,
        _LOST if is_lost else f"nothing of {source} was kept" if kept is None else _kept_text(kept, of),
    ]
    hint = diagnostic.message_hint
    if error.sqlstate == "25001" and kept is None:
        hint = "Make '-- transactional: false' the first line of the file, and keep nothing else in it."
    elif error.sqlstate == "55P03":
        hint = hint or "Another session holds the lock: try again later, or with a longer lock_timeout."
    return ScriptFailed(
        f"{source}{f':{line}' if line else ''}: {message}{state}",
        detail="\n".join(part for part in details if part) or None,
        hint=hint,
        source=source,
        line=line,
        sqlstate=error.sqlstate,
        exit_code=5 if error.sqlstate == "55P03" else None,
    )


def watch_client(connection: Connection) -> None:
    """Lets the server notice within a second that dbtool was killed, even while a statement runs.

    Where the server cannot do that (before PostgreSQL 14, on Windows) it notices when the statement ends.
    """
    with contextlib.suppress(psycopg.Error):
        connection.execute(
            "select set_config('client_connection_check_interval', '1s', false)"
            " where current_setting('client_connection_check_interval') = '0'"
        )


def forget_session(connection: Connection) -> None:
    """Puts every setting, role, temporary table, cursor and the like back; advisory locks stay."""
    if not connection.closed:
        connection.execute(FORGET_SESSION)
        watch_client(connection)


def _roll_back(connection: Connection) -> None:
    if not connection.closed and connection.info.transaction_status != TransactionStatus.IDLE:
        connection.rollback()


def _kept_text(kept: Sequence[Statement], of: int) -> str:
    if not kept:
        return f"none of the {of} statements of the file was kept"
    lines = ", ".join(str(statement.line) for statement in kept)
    return (
        f"{len(kept)} of the {of} statements ran and stay, those that begin on line {lines};"
        " the file is not marked as applied, and the next run begins with its first statement"
    )
