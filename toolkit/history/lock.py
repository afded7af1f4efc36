"""One run at a time: an advisory lock that dies with its session."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg

from toolkit.errors import LockTimeout

if TYPE_CHECKING:
    from toolkit.sql.execute import Connection

KEY = 0x6462746F6F6C  # "dbtool"
POLL_SECONDS = 0.2

_HOLDER = """
select a.pid, a.application_name, a.usename, a.client_addr::text, a.backend_start
  from pg_catalog.pg_locks l
  join pg_catalog.pg_stat_activity a on a.pid = l.pid
 where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.pid <> pg_backend_pid()
   and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
   and l.classid = (%(key)s::bigint >> 32)::oid and l.objid = (%(key)s::bigint & 4294967295)::oid
"""


@contextmanager
def exclusive(
    connection: Connection, timeout: float, on_wait: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Holds the lock of this database for as long as the block lasts; the connection must be autocommit.

    Waits at most `timeout` seconds, then raises LockTimeout that says who holds it. It polls: a session that
    sleeps in pg_advisory_lock holds a snapshot for which CREATE INDEX CONCURRENTLY of the holder would wait.
    """
    deadline = time.monotonic() + timeout
    told = False
    while not _take(connection):
        who = _holder(connection)
        if time.monotonic() >= deadline:
            raise LockTimeout(
                f"another run holds the lock of this database: {who}",
                detail=f"waited {timeout:g} seconds",
                hint="Wait for it, or give a longer --wait. The lock goes when that session ends.",
            )
        if not told:
            on_wait(who)
            told = True
        time.sleep(min(POLL_SECONDS, max(deadline - time.monotonic(), 0)))
    try:
        yield
    finally:
        with suppress(psycopg.Error):
            connection.execute("select pg_catalog.pg_advisory_unlock(%s)", (KEY,))


def hold_in_transaction(connection: Connection) -> None:
    """Takes the lock for the open transaction as well: nothing that a script does can give that away.

    Raises LockTimeout when another run has it, because a script before released this session's lock.
    """
    row = connection.execute("select pg_catalog.pg_try_advisory_xact_lock(%s)", (KEY,)).fetchone()
    if row != (True,):
        raise LockTimeout(f"another run took the lock of this database: {_holder(connection)}")


def is_held(connection: Connection) -> bool:
    """Whether another session runs dbtool on this database now."""
    return connection.execute(_HOLDER, {"key": KEY}).fetchone() is not None


def _take(connection: Connection) -> bool:
    return connection.execute("select pg_catalog.pg_try_advisory_lock(%s)", (KEY,)).fetchone() == (True,)


def _holder(connection: Connection) -> str:
    row = connection.execute(_HOLDER, {"key": KEY}).fetchone()
    if row is None:
        return "a session that has just ended"
    pid, application, user, address, since = row
    # Roles without pg_read_all_stats see neither the address nor the time of another role's session.
    parts = [f"pid {pid}", application or "unnamed application", f"user {user}"]
    parts += [f"from {address}"] if address else []
    parts += [f"connected since {since:%Y-%m-%d %H:%M:%S %Z}"] if since else []
    return ", ".join(parts)
