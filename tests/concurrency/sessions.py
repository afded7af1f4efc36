"""Connections that act at the same time: races from a common start, and steps taken in turns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import psycopg

from tests.client import Learn
from tests.conftest import FreshDatabase
from tests.waiting import PATIENCE, wait_until

Result = TypeVar("Result")
Task = Callable[[Learn], Result]

# Nothing hangs a test run.
OPTIONS = "-c statement_timeout=180s -c idle_in_transaction_session_timeout=180s"


def connect(fresh: FreshDatabase, **options: Any) -> Learn:
    """A client on a connection of its own; the caller closes the connection."""
    return Learn(fresh.connect(options=OPTIONS, **options))


@contextmanager
def client(fresh: FreshDatabase, *, autocommit: bool = True) -> Iterator[Learn]:
    """A client that commits each call by itself, for arranging and asserting."""
    learn = connect(fresh, autocommit=autocommit)
    try:
        yield learn
    finally:
        learn.connection.close()


class Outcome(Generic[Result]):
    """What a task came to: its result, or the SQLSTATE that it failed with."""

    def __init__(self, result: Result | None = None, sqlstate: str | None = None) -> None:
        self._result = result
        self.sqlstate = sqlstate

    @property
    def result(self) -> Result:
        """The result of a task that did not fail."""
        assert self.sqlstate is None, f"failed with {self.sqlstate}"
        assert self._result is not None
        return self._result

    def __repr__(self) -> str:
        return f"Outcome({self._result!r}, {self.sqlstate!r})"


def race(fresh: FreshDatabase, tasks: Sequence[Task[Result]], *, rounds: int = 1) -> list[Outcome[Result]]:
    """Run each task on a connection of its own, all from the same moment, each call a transaction of its own.

    `rounds`: how many times each connection does its task. Returns the outcomes, by task and then by round.
    """
    barrier = threading.Barrier(len(tasks))

    def run(task: Task[Result]) -> list[Outcome[Result]]:
        with client(fresh) as learn:
            barrier.wait(PATIENCE)
            return [_outcome(task, learn) for _ in range(rounds)]

    with ThreadPoolExecutor(len(tasks)) as pool:
        return [outcome for outcomes in pool.map(run, tasks) for outcome in outcomes]


def _outcome(task: Task[Result], learn: Learn) -> Outcome[Result]:
    try:
        return Outcome(task(learn))
    except psycopg.Error as error:
        return Outcome(sqlstate=error.sqlstate or str(error))


class Session:
    """A transaction that takes its steps when told, and may be blocked in one of them."""

    def __init__(self, fresh: FreshDatabase, isolation: psycopg.IsolationLevel | None = None) -> None:
        self.learn = connect(fresh)
        self.learn.connection.isolation_level = isolation
        self._observer = fresh.connect(autocommit=True)
        self._thread = ThreadPoolExecutor(1)
        self.pid = self.learn.connection.info.backend_pid

    def step(self, task: Task[Result]) -> Future[Outcome[Result]]:
        """Take a step; returns when it is done or blocked by another session."""
        future = self._thread.submit(_outcome, task, self.learn)
        wait_until(lambda: future.done() or self._is_blocked(), every=0.002)
        return future

    def _is_blocked(self) -> bool:
        found = self._observer.execute("select cardinality(pg_blocking_pids(%s))", [self.pid]).fetchone()
        return found is not None and found[0] > 0

    def commit(self) -> str | None:
        """End the transaction. Returns the SQLSTATE when committing fails."""

        def end(learn: Learn) -> bool:
            learn.connection.commit()  # rolls back what has failed
            return True

        return self._thread.submit(_outcome, end, self.learn).result(PATIENCE).sqlstate

    def rollback(self) -> None:
        """Undo the transaction."""
        self._thread.submit(self.learn.connection.rollback).result(PATIENCE)

    def close(self) -> None:
        """Roll back what is open, and disconnect."""
        self._thread.shutdown()
        self.learn.connection.close()
        self._observer.close()


@contextmanager
def session(fresh: FreshDatabase, isolation: psycopg.IsolationLevel | None = None) -> Iterator[Session]:
    """A session that is closed at the end."""
    opened = Session(fresh, isolation)
    try:
        yield opened
    finally:
        opened.close()


class Pair:
    """Two sessions that are made to overlap, again and again."""

    def __init__(self, one: Session, two: Session, *, looks_first: bool) -> None:
        self._one, self._two, self._looks_first = one, two, looks_first

    def use(self, isolation: psycopg.IsolationLevel | None) -> None:
        """From now on, `isolation` is that of the second; what a test before left open is undone."""
        for each in (self._one, self._two):
            each.rollback()
        self._two.learn.connection.isolation_level = isolation
        self._looks_first = isolation is not None

    def interleave(self, first: Task[Any], second: Task[Any]) -> tuple[str | None, str | None]:
        """Two transactions: one acts, the other acts as far as it can, the first commits, then the other.

        In repeatable read and serializable, the second has looked at the database before the first acts, and
        acts when the first has committed: from a snapshot that is too old.
        Returns the SQLSTATEs that they failed with, None for good ones.
        """
        if self._looks_first:
            self._two.step(lambda learn: learn.value("select count(*) from learn.users")).result(PATIENCE)
        acted = self._one.step(first).result(PATIENCE)
        if self._looks_first:
            committed = self._one.commit()
            other = self._two.step(second).result(PATIENCE)
        else:
            pending = self._two.step(second)
            committed = self._one.commit()
            other = pending.result(PATIENCE)
        also_committed = self._two.commit()
        return acted.sqlstate or committed, other.sqlstate or also_committed


@contextmanager
def pair(fresh: FreshDatabase, isolation: psycopg.IsolationLevel | None = None) -> Iterator[Pair]:
    """Two sessions; `isolation` is that of the second."""
    with session(fresh) as one, session(fresh, isolation) as two:
        yield Pair(one, two, looks_first=isolation is not None)


def interleave(fresh: FreshDatabase, first: Task[Any], second: Task[Any]) -> tuple[str | None, str | None]:
    """`Pair.interleave` with two sessions for this once."""
    with pair(fresh) as both:
        return both.interleave(first, second)
