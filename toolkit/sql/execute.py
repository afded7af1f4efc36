"""Running a script's text on a connection, and leaving the session as it was."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import generators
from psycopg.pq import ExecStatus

from ..errors import DbtoolError, ScriptFailed, grant_hint
from .limits import Limits
from .outside import HINT, NOWHERE, kept_inside
from .script import excerpt, failing_line, split

if TYPE_CHECKING:
    from psycopg.abc import PQGen

    from .statements import Statement

Connection = psycopg.Connection[tuple[Any, ...]]

WAITED = ("55P03", "40P01")
"""SQLSTATEs of a lock that could not be had: lock_not_available, deadlock_detected."""
_LOST = "the connection broke, perhaps during the commit: `dbtool status` shows whether it was applied"

# What a script may leave behind for the session. Works inside a transaction block, where DISCARD ALL does
# not, and leaves advisory locks alone, of which dbtool holds one.
RESET_SETTINGS = "reset session authorization; reset role; reset all"
_KEEP_ALIVE = """
select set_config('tcp_keepalives_idle', '30', false), set_config('tcp_keepalives_interval', '10', false),
       set_config('tcp_keepalives_count', '3', false)
"""
FORGET_SESSION = f"""
{RESET_SETTINGS}; close all; unlisten *; deallocate all; discard temp; discard sequences; discard plans;
{_KEEP_ALIVE}
"""
# What dbtool's own statements go by, whatever ALTER DATABASE, ALTER ROLE, PGOPTIONS or the URL set.
_OF_OWN_STATEMENTS = {
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "timezone": "UTC",
    "quote_all_identifiers": "off",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "xmloption": "content",
    "row_security": "on",
    "client_min_messages": "warning",
    "statement_timeout": "0",
}
# What holds for scripts too: they are taken apart by this, the session must last, and a file is applied as
# a whole under each level of isolation.
_OF_SCRIPTS_TOO = {
    "standard_conforming_strings": "on",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
}
_COPY_PIECE = 2**20
_SETS_ROLE = re.compile(
    r"""(?i)\bset\s+(?:local\s+|session\s+)?(?:role|session\s+authorization)\s+(?:to\s+|=\s*)?('[^']+'|"[^"]+"|\w+)"""
)


@dataclass
class Sent:
    """How far a text got: the number of statements that succeeded and the error that stopped it."""

    completed: int = 0
    error: psycopg.Error | None = None

    def require(self) -> None:
        """Raises the error, if there is one."""
        if self.error is not None:
            raise self.error


def value(connection: Connection, query: str | bytes, values: Sequence[Any] | None = None) -> Any:
    """The first column of the first row; None where there is no row."""
    row = connection.execute(query if isinstance(query, bytes) else query.encode(), values).fetchone()
    return None if row is None else row[0]


def exists(connection: Connection, query: str | bytes, values: Sequence[Any] | None = None) -> bool:
    """Whether a query finds a row."""
    query = query if isinstance(query, bytes) else query.encode()
    return connection.execute(query, values).fetchone() is not None


def send(connection: Connection, text: str, rows: Sequence[str] = ()) -> Sent:
    """Sends a text of any number of statements as one simple query, dropping the rows that it returns.

    Nothing in the text is taken for a parameter, nothing is prepared, and one result is held at a time.
    Each COPY … FROM stdin gets its `rows`. Ctrl-C cancels the query in the server. Raises ScriptFailed for
    what a throwaway server does not do.
    """
    progress = Sent()
    text = kept_inside(connection, text)
    try:
        connection.wait(_send(connection, text, rows, progress))
    except psycopg.Error as error:
        # The connection itself broke; a statement's own error would be the first.
        progress.error = progress.error or error
    return progress


def _send(connection: Connection, text: str, rows: Sequence[str], progress: Sent) -> PQGen[None]:
    pgconn, left = connection.pgconn, iter(rows)
    pgconn.send_query(text.encode())
    yield from generators.send(pgconn)
    while (result := (yield from generators.fetch(pgconn))) is not None:
        if result.status == ExecStatus.COPY_IN:
            data = next(left, "").encode()
            for start in range(0, len(data), _COPY_PIECE):
                yield from generators.copy_to(pgconn, data[start : start + _COPY_PIECE])
            pgconn.put_copy_end()
            yield from generators.send(pgconn)
        elif result.status in (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK):
            progress.completed += 1
        elif result.status == ExecStatus.FATAL_ERROR and progress.error is None:
            progress.error = psycopg.errors.error_from_result(result, connection.info.encoding)


def run_whole(connection: Connection, text: str, source: str) -> None:
    """Runs a script in the transaction that is open; roles and settings that it leaves are put back.

    Raises ScriptFailed, naming source and line.
    """
    from .statements import client_side

    sql, rows = client_side(text)
    outcome = send(connection, f"{sql}\n;{RESET_SETTINGS};{_pins(connection)}", rows)
    if outcome.error is not None:
        line = failing_line(text, split(text, source), outcome.completed, outcome.error.diag)
        raise failure(outcome.error, source, text, line, role=connection.info.user)


@contextlib.contextmanager
def denials(connection: Connection, role: str | None = None) -> Iterator[None]:
    """Says of what dbtool itself may not do what an administrator has to run."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        said = error.diag.message_primary or str(error)
        raise DbtoolError(said, hint=grant_hint(said, role or connection.info.user)) from error


def failure(
    error: psycopg.Error,
    source: str,
    text: str,
    line: int | None,
    *,
    kept: Sequence[Statement] | None = None,
    of: int = 0,
    is_lost: bool = False,
    role: str | None = None,
) -> ScriptFailed:
    """The server's error as dbtool shows it, with what the `role` lacks.

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
        _LOST if is_lost else f"nothing of {source} was kept" if kept is None else kept_text(kept, of),
    ]
    hint = diagnostic.message_hint
    if (
        error.sqlstate == "25001"
        and kept is None
        and line
        and "isolation" in text.split("\n")[line - 1].lower()
    ):
        hint = (
            "dbtool has read its history in this transaction: write begin isolation level …; and commit; in a"
            " file with '-- transactional: false'."
        )
    elif error.sqlstate == "25001" and kept is None:
        hint = "Make '-- transactional: false' the first line of the file, and keep nothing else in it."
    elif error.sqlstate in ("42P06", "42P07") and source == "schema.sql":
        hint = hint or "`dbtool baseline` adopts a database that was built by other means."
    elif error.sqlstate in WAITED and kept is None:
        hint = hint or "Another session holds the lock: try again later, or with a longer --lock-timeout."
    elif NOWHERE in f"{message}{diagnostic.message_detail}":
        hint = HINT
    elif error.sqlstate == "42501":
        before = "\n".join(text.split("\n")[:line])
        chosen = _SETS_ROLE.findall(before)
        role = chosen[-1].strip("'\"") if chosen else role
        hint = hint or grant_hint(message, role, text.split("\n")[line - 1] if line else text)
    return ScriptFailed(
        f"{source}{f':{line}' if line else ''}: {message}{state}",
        detail="\n".join(part for part in details if part) or None,
        hint=hint,
        source=source,
        line=line,
        sqlstate=error.sqlstate,
        exit_code=5 if error.sqlstate in WAITED else None,
    )


def watch_client(connection: Connection) -> None:
    """Lets the server notice within a second that dbtool was killed, even while a statement runs.

    It notices within a minute that dbtool's machine or the network between is gone. Where the server cannot
    look while it works (on some systems) it notices when the statement ends.
    """
    connection.execute(_KEEP_ALIVE)
    _watch_while_working(connection)


def _watch_while_working(connection: Connection) -> None:
    with contextlib.suppress(psycopg.Error):
        connection.execute(
            "select set_config('client_connection_check_interval', '1s', false)"
            " where current_setting('client_connection_check_interval') = '0'"
        )


def _pins(connection: Connection, *, local: bool = False) -> str:
    """The statements that pin what `pin` pins."""
    pins = {**_OF_OWN_STATEMENTS, **_OF_SCRIPTS_TOO}
    if connection.info.server_version >= 170_000:
        pins["transaction_timeout"] = "0"
    return "".join(f"set {'local ' * local}{name} = '{value}';" for name, value in pins.items())


def pin(connection: Connection, *, local: bool = False) -> None:
    """Lets dbtool's own statements depend on nothing that somebody has set for the database or the role.

    For the open transaction with `local`: that suits a pooler, too.
    """
    connection.execute(_pins(connection, local=local).encode())


def as_connected(connection: Connection) -> None:
    """Lets the script that follows run with the settings that psql would have, but for a few."""
    connection.execute("".join(f"reset {name};" for name in _OF_OWN_STATEMENTS).encode())


def set_limits(connection: Connection, limits: Limits, *, local: bool) -> None:
    """Sets the time limits: for the open transaction with `local`, else until the session is forgotten."""
    for name, value, is_default in limits.settings():
        connection.execute(
            "select set_config(%(name)s, %(value)s, %(local)s)"
            " where not %(default)s or current_setting(%(name)s) = '0'",
            {"name": name, "value": value, "local": local, "default": is_default},
        )


def forget_session(connection: Connection) -> None:
    """Puts every setting, role, temporary table, cursor and the like back; advisory locks stay."""
    if not connection.closed:
        connection.execute((FORGET_SESSION + ";" + _pins(connection)).encode())
        _watch_while_working(connection)


def kept_text(kept: Sequence[Statement], of: int) -> str:
    """What a script without transaction leaves behind."""
    if not kept:
        return f"none of the {of} statements of the file was kept"
    lines = ", ".join(str(statement.line) for statement in kept)
    return f"{len(kept)} of the {of} statements ran and stay, those that begin on line {lines}"
