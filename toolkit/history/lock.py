"""One run at a time: a row that no other role can lock or write, and a sign of life of who has it.

An advisory lock alone would not do: every role that may connect can take any of them. So whose turn it is
stands in dbtool.run_lock, with a random key on which that session holds an advisory lock, which dies with it.
"""

from __future__ import annotations

import secrets
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors
from psycopg.pq import ExecStatus

from ..errors import DbtoolError, LockTimeout, grant_hint
from ..sql.execute import exists, pin, value

if TYPE_CHECKING:
    from datetime import datetime

    from psycopg.pq.abc import PGconn

    from ..sql.execute import Connection

POLL_SECONDS = 0.2
SCHEMA = "dbtool"
"""Where a project keeps its history and its lock, unless its settings name another schema."""

_CREATE = """
create table if not exists dbtool.run_lock (
  is_only_row boolean primary key default true check (is_only_row),
  pid integer,
  role oid,
  key bigint
);
comment on table dbtool.run_lock is
  'The session that runs dbtool, and the key of the advisory lock that it holds.';
insert into dbtool.run_lock default values on conflict do nothing;
"""
# The key is public while it is held; nobody else has it under this process number and as this role.
_HOLDER = """
select a.pid, a.application_name, a.usename, a.client_addr::text, a.backend_start
  from dbtool.run_lock r
  join pg_catalog.pg_stat_activity a on a.pid = r.pid and a.usesysid = r.role
  join pg_catalog.pg_locks l on l.pid = r.pid and l.locktype = 'advisory' and l.granted and l.objsubid = 1
   and l.classid = (r.key >> 32)::oid and l.objid = (r.key & 4294967295)::oid
 where a.datname = current_database() and r.pid <> pg_backend_pid()
"""
_TAKE = """
update dbtool.run_lock
   set pid = pg_backend_pid(), key = %s,
       role = (select a.usesysid from pg_catalog.pg_stat_activity a where a.pid = pg_backend_pid())
"""
# What another run makes or removes in the same moment.
_CROSSED = (
    errors.UniqueViolation,
    errors.DuplicateSchema,
    errors.DuplicateTable,
    errors.UndefinedTable,
    errors.InvalidSchemaName,
    errors.SerializationFailure,
    errors.InternalError_,  # tuple concurrently updated
)


def of(schema: str, query: str) -> bytes:
    """A query on the tables of dbtool, for those in this schema."""
    return query.replace("dbtool.", f"{schema}.").encode()


@contextmanager
def exclusive(
    connection: Connection,
    timeout: float,
    on_wait: Callable[[str], None] = lambda _: None,
    schema: str = SCHEMA,
) -> Iterator[None]:
    """Holds the project's lock of this database while the block lasts; the connection must be autocommit.

    Waits at most `timeout` seconds, then raises LockTimeout that says who holds it. It polls: a session that
    sleeps in a lock holds a snapshot for which CREATE INDEX CONCURRENTLY of the holder would wait.
    """
    deadline = time.monotonic() + timeout
    told = False
    is_new = not _exists(connection, schema)
    while (key := _take(connection, schema)) is None:
        who = _holder(connection, schema)
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
            _release(connection, key, schema, with_schema=is_new)


def hold_in_transaction(connection: Connection, schema: str = SCHEMA) -> None:
    """Takes the lock for the open transaction as well: nothing that a script does can give that away.

    Raises LockTimeout when another run has it, because a script before released this session's lock.
    """
    key = value(
        connection, of(schema, "select key from dbtool.run_lock where pid = pg_backend_pid() for update")
    )
    if key is None:
        raise LockTimeout(f"another run took the lock of this database: {_holder(connection, schema)}")
    connection.execute("select pg_catalog.pg_advisory_xact_lock(%s)", [key])


def is_held(connection: Connection, schema: str = SCHEMA) -> bool:
    """Whether another session runs dbtool with the project on this database now."""
    return _held_by(connection, schema) is not None


def _held_by(connection: Connection, schema: str) -> tuple[Any, ...] | None:
    """Whose the lock is; nobody's where a run that did nothing takes its table away at this moment."""
    if not _exists(connection, schema, "run_lock"):
        return None
    with suppress(*_CROSSED), connection.transaction():
        return connection.execute(of(schema, _HOLDER)).fetchone()
    return None


def _take(connection: Connection, schema: str) -> int | None:
    """The key under which this session has the lock now; None when another has it."""
    key = secrets.randbits(62)
    try:
        with connection.transaction():
            if not _exists(connection, schema):
                create_schema(connection, schema)
            if not _exists(connection, schema, "run_lock"):
                connection.execute(of(schema, _CREATE))
            is_free = exists(connection, of(schema, "select from dbtool.run_lock for update skip locked"))
            if not is_free or exists(connection, of(schema, _HOLDER)):
                return None
            connection.execute("select pg_catalog.pg_advisory_lock(%s)", (key,))
            connection.execute(of(schema, _TAKE), (key,))
    except _CROSSED:
        return None
    except errors.ReadOnlySqlTransaction as error:
        raise DbtoolError(
            "nothing can be written here: the database is read-only for this connection",
            hint="A standby always is; elsewhere somebody has set default_transaction_read_only for the"
            " database, the role or the connection. Without that, or with"
            " ?options=-c%20default_transaction_read_only%3Doff in the URL, it can be written.",
        ) from error
    return key


def create_schema(connection: Connection, schema: str) -> None:
    """Makes the schema for the history. Raises DbtoolError that says what an administrator has to grant."""
    try:
        connection.execute(f"create schema {schema}".encode())
    except errors.InsufficientPrivilege as error:
        raise denied(connection, error, f"make the schema {schema} for its history") from error


def stand_on(connection: Connection, schema: str, below: str) -> None:
    """Notes at the schema of a history on which other history of the database its project stands."""
    connection.execute(f"comment on schema {schema} is 'on {below}'".encode())


def denied(connection: Connection, error: errors.InsufficientPrivilege, what: str) -> DbtoolError:
    """What to say when the role may not do something, with the statement that an administrator has to run."""
    role = connection.info.user
    return DbtoolError(
        f"the role {role} may not {what}: {error.diag.message_primary}",
        hint=grant_hint(error.diag.message_primary or "", role),
    )


def _release(connection: Connection, key: int, schema: str, *, with_schema: bool) -> None:
    try:
        with connection.transaction():
            connection.execute(of(schema, "update dbtool.run_lock set pid = null where key = %s"), (key,))
            if not _exists(connection, schema, "_yoyo_migration"):  # nothing was done: no trace stays
                connection.execute(of(schema, "drop table dbtool.run_lock"))
                if with_schema:
                    connection.execute(f"drop schema {schema}".encode())
    finally:
        connection.execute("select pg_catalog.pg_advisory_unlock(%s)", (key,))


def _exists(connection: Connection, schema: str, table: str = "") -> bool:
    query = "select to_regclass(%s) is not null" if table else "select to_regnamespace(%s) is not null"
    return bool(value(connection, query, (f"{schema}.{table}" if table else schema,)))


def _holder(connection: Connection, schema: str) -> str:
    row = _held_by(connection, schema)
    if row is None:
        return "a session that has just ended"
    pid, application, user, address, since = row
    # Roles without pg_read_all_stats see neither the address nor the time of another role's session.
    parts = [f"pid {pid}", application or "unnamed application", f"user {user}"]
    parts += [f"from {address}"] if address else []
    parts += [f"connected since {since:%Y-%m-%d %H:%M:%S %Z}"] if since else []
    return ", ".join(parts)


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
    if value(connection, _PID) == connection.info.backend_pid:
        return
    with closing(connect()) as other:
        seen = set()
        for _ in range(TRIES):
            seen.add(value(connection, _PID))
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


TICK_SECONDS = 0.05
# Files that are done sooner need no second connection.
FIRST_LOOK_SECONDS = 0.1
NEXT_LOOK_SECONDS = 0.25
CLOSE_SECONDS = 1.0
QUERY_LENGTH = 100

_AWAITED = """
select l.mode || ' on ' || coalesce(l.relation::regclass::text, l.locktype)
  from pg_catalog.pg_locks l where l.pid = %s and not l.granted limit 1
"""
_BLOCKERS = """
select b.pid, a.application_name, a.usename, a.state, a.query, coalesce(a.xact_start, a.backend_start)
  from (select distinct pid from unnest(pg_catalog.pg_blocking_pids(%s)) u(pid)) b
  left join pg_catalog.pg_stat_activity a on a.pid = b.pid
 order by b.pid
"""


@dataclass(frozen=True)
class Blocker:
    """A session that holds, or waits earlier for, the lock that a run waits for."""

    pid: int
    application: str | None
    user: str | None
    state: str | None
    query: str | None
    since: datetime | None
    """When its transaction began."""

    def __str__(self) -> str:
        if self.pid == 0:
            return "a prepared transaction (see pg_prepared_xacts)"
        # Roles without pg_read_all_stats see neither query nor times of another role's session.
        parts = [f"pid {self.pid}", self.application or "unnamed application", f"user {self.user}"]
        parts += [self.state] if self.state else []
        parts += [f"since {self.since:%Y-%m-%d %H:%M:%S %Z}"] if self.since else []
        query = " ".join((self.query or "").split())
        return ", ".join(parts) + (f": {_shortened(query)}" if query else "")


class Watch:
    """Watches one session. It connects once a file takes long enough to be worth it."""

    def __init__(self, connect: Callable[[], Connection], pid: int, notice: Callable[[str], None]) -> None:
        self._connect = connect
        self._pid = pid
        self._notice = notice
        self._began: float | None = None
        self._looking = threading.Lock()
        self._connection: Connection | None = None
        self._closed = threading.Event()
        self._told: set[int] = set()
        self.seen = ""
        """What the session waited for at last and who blocked it; empty when it has waited for nobody."""
        threading.Thread(target=self._run, daemon=True).start()

    @contextmanager
    def during(self) -> Iterator[None]:
        """Surrounds work of the watched session; whom it waits for is reported once, and kept in `seen`."""
        self.seen = ""
        self._told = set()
        self._began = time.monotonic()
        try:
            yield
        finally:
            self._began = None

    def close(self) -> None:
        """Disconnects."""
        self._closed.set()
        if self._looking.acquire(timeout=CLOSE_SECONDS):
            if self._connection is not None:
                self._connection.close()
            self._looking.release()

    def _run(self) -> None:
        # Nobody wakes it for a piece of work: most are so short that this would be their greatest part.
        pause = TICK_SECONDS
        while not self._closed.wait(pause):
            began = self._began
            is_long = began is not None and time.monotonic() - began >= FIRST_LOOK_SECONDS
            pause = NEXT_LOOK_SECONDS if is_long else TICK_SECONDS
            if is_long:
                with self._looking, suppress(psycopg.Error, DbtoolError):
                    if not self._closed.is_set():
                        self._look(began)

    def _look(self, began: float | None) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = self._connect()
            self._connection.autocommit = True
            pin(self._connection)
        awaited = self._connection.execute(_AWAITED, [self._pid]).fetchone()
        rows: list[tuple[Any, ...]] = self._connection.execute(_BLOCKERS, [self._pid]).fetchall()
        if awaited is None or not rows or self._began != began:
            return
        seen = "\n".join([f"waiting for {awaited[0]}, blocked by:", *(f"  {Blocker(*row)}" for row in rows)])
        self.seen = seen
        pids = {row[0] for row in rows}
        if pids != self._told:
            self._told = pids
            self._notice(seen)


def _shortened(query: str) -> str:
    return query if len(query) <= QUERY_LENGTH else query[: QUERY_LENGTH - 1] + "…"
