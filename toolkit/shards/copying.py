"""Copying rows of a busy server as they are at one moment, from which logical replication goes on.

Not by CREATE SUBSCRIPTION: its copy reads under a snapshot made from the log, in which a commit can stand
before pg_xact has it. PostgreSQL then takes the transaction for an aborted one and notes that on its rows:
they are lost for good, on the publisher, too (https://postgr.es/m/85833.1768840165@localhost).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import psycopg
from psycopg import sql

from ..errors import DbtoolError
from ..sql.execute import Connection

# Copies take as long as they take, and are read as they were written; what has committed is on the disk.
_SESSION = """
select set_config(s.name, v.value, false)
  from (values ('statement_timeout', '0'), ('idle_in_transaction_session_timeout', '0'),
    ('transaction_timeout', '0'), ('DateStyle', 'ISO'), ('IntervalStyle', 'postgres'),
    ('extra_float_digits', '1'), ('synchronous_commit', 'on')) v(name, value)
  join pg_settings s on s.name = v.name and (s.name <> 'synchronous_commit' or s.setting = 'off')
"""
_MOMENT = "select pg_export_snapshot(), pg_current_wal_insert_lsn()::text"
_ATTEMPTS = 30

Answer = TypeVar("Answer")


def prepare(*connections: Connection) -> None:
    """Sets what copies need, whatever the database or the login has for its sessions."""
    for each in connections:
        each.execute(_SESSION)


def moment(publisher: Connection, keeper: Connection, tables: str, slot: str) -> str:
    """The snapshot of a moment in which nobody writes these tables; it is there as long as `keeper`.

    The slot goes on from that moment. Who writes waits for it, and it for who has written, a second at most.
    """
    with publisher.transaction():  # the lock is in the log, and so its commit brings that to the disk
        publisher.execute("set local lock_timeout = '1s'")
        publisher.execute(f"lock table {tables} in access exclusive mode".encode())
        keeper.execute("begin isolation level repeatable read, read only")
        snapshot, lsn = keeper.execute(_MOMENT).fetchone() or ("", "")
    publisher.execute("select pg_replication_slot_advance(%s, %s::pg_lsn)", (slot, lsn))
    return str(snapshot)


def copy_rows(source: Connection, target: Connection, snapshot: str, query: str, into: str) -> None:
    """The rows of a query, past triggers; `into` is a table, with columns where it has others as well."""
    with source.transaction(), target.transaction():
        source.execute("set transaction isolation level repeatable read, read only")
        source.execute(f"set transaction snapshot '{snapshot}'".encode())
        target.execute("set local session_replication_role = replica")
        with (
            source.cursor().copy(f"copy ({query}) to stdout".encode()) as rows,
            target.cursor().copy(f"copy {into} from stdin".encode()) as copy,
        ):
            for piece in rows:
                copy.write(piece)


def read(connection: Connection, query: str) -> bytes:
    """The rows of a query, for write()."""
    with connection.cursor().copy(f"copy ({query}) to stdout (format binary)".encode()) as rows:
        return b"".join(bytes(piece) for piece in rows)


def write(connection: Connection, table: str, rows: bytes) -> None:
    """Inserts rows as they are, past triggers; those that are there stay."""
    with connection.transaction():
        connection.execute("set local session_replication_role = replica")
        connection.execute(f"create temporary table carried (like {table}) on commit drop".encode())
        with connection.cursor().copy(b"copy pg_temp.carried from stdin (format binary)") as copy:
            copy.write(rows)
        insert = f"insert into {table} overriding system value table pg_temp.carried on conflict do nothing"
        connection.execute(f"{insert}; drop table pg_temp.carried".encode())
        connection.execute("set local session_replication_role = origin")


def subscribe(target: Connection, name: str, source: str, publications: Iterable[str], slot: str) -> None:
    """Has the target go on from where a slot of the source, a connection string, stands."""
    query = "create subscription {} connection {} publication {} with ({}, slot_name = {})"
    given = sql.SQL("create_slot = false, copy_data = false")
    published = sql.SQL(", ").join(map(sql.Identifier, publications))
    names = (sql.Identifier(name), source, published, given, sql.Identifier(slot))
    target.execute(sql.SQL(query).format(*names))


def drop_subscription(target: Connection, name: str) -> None:
    """Ends it, and leaves its slot: the server of that may be gone."""
    for end in ("alter subscription {} disable", "alter subscription {} set (slot_name = none)"):
        target.execute(sql.SQL(end).format(sql.Identifier(name)))
    target.execute(sql.SQL("drop subscription {}").format(sql.Identifier(name)))


def drop_slot(source: Connection, name: str) -> None:
    """Takes it from whoever has it; where there is none: nothing."""
    query = "select active_pid from pg_replication_slots where slot_name = %s"
    while row := source.execute(query, (name,)).fetchone():
        if row[0] is None:
            source.execute("select pg_drop_replication_slot(%s)", (name,))
        else:
            source.execute("select pg_terminate_backend(%s)", row)
            time.sleep(0.02)


def again(act: Callable[[], Answer]) -> Answer:
    """Does it, and again where others hold a lock: these are short, and wait behind ours in turn."""
    error: psycopg.Error | None = None
    for attempt in range(_ATTEMPTS):
        try:
            return act()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as one:
            error = one
        time.sleep(0.1 * (attempt + 1))
    raise DbtoolError(
        "others hold locks for too long", detail=str(error), hint="Run it again at a quieter moment."
    )
