"""Tells a pooler in transaction mode, such as pgbouncer's, which has no session that dbtool could keep."""

from __future__ import annotations

import select
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from psycopg.pq import ExecStatus

from toolkit.errors import DbtoolError

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn

    from toolkit.sql.execute import Connection

TRIES = 5
ANSWER_SECONDS = 2.0
NO_TRANSACTION = 0  # a pool of statements refuses BEGIN
_PID = "select pg_catalog.pg_backend_pid()"


def refuse_transaction_pooling(connect: Callable[[], Connection], connection: Connection) -> None:
    """Raises DbtoolError when each transaction of the autocommit connection may run in another session.

    What a session sets would then stay behind for others, and the lock of a run would hold nothing. A pooler
    is recognised by the process number: it hands out numbers of its own. Then a second connection asks, in a
    transaction, whose session it has: in transaction mode it has, sooner or later, that of the first.
    """
    if _pid(connection) == connection.info.backend_pid:
        return
    with closing(connect()) as other:
        seen = set()
        for _ in range(TRIES):
            seen.add(_pid(connection))
            pid = _pid_in_transaction(other.pgconn)
            if pid is None:
                return  # a pool of sessions, none of which is left
            if len(seen) > 1 or pid in seen or pid == NO_TRANSACTION:
                raise DbtoolError(
                    "the connection goes through a pooler in transaction mode, such as pgbouncer with"
                    " pool_mode = transaction",
                    detail="dbtool needs one session from beginning to end: it holds a lock in it, sets time"
                    " limits, and runs files that may set what they like.",
                    hint="Connect to PostgreSQL itself, or through a pool with pool_mode = session.",
                )
            other.pgconn.exec_(b"rollback")


def _pid(connection: Connection) -> int:
    row = connection.execute(_PID).fetchone()
    assert row is not None
    return int(row[0])


def _pid_in_transaction(pgconn: PGconn) -> int | None:
    """The session that a new transaction has, which stays open; NO_TRANSACTION, or None for no answer."""
    pgconn.send_query(f"begin; {_PID}".encode())
    if not select.select([pgconn.socket], [], [], ANSWER_SECONDS)[0]:
        return None
    pid = NO_TRANSACTION
    while (result := pgconn.get_result()) is not None:
        if result.status == ExecStatus.TUPLES_OK:
            pid = int(result.get_value(0, 0) or 0)
    return pid
