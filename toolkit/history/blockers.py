"""Says who keeps a run waiting: a second connection looks at what the first one waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from toolkit.errors import DbtoolError

if TYPE_CHECKING:
    from datetime import datetime

    from toolkit.sql.execute import Connection

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
