"""Running one script together with its mark: in one transaction, or statement by statement with a journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import psycopg

from ..errors import ScriptFailed
from ..output import Reporter
from ..project.layout import Script
from ..sql.execute import (
    WAITED,
    Connection,
    as_connected,
    denials,
    failure,
    forget_session,
    pin,
    run_whole,
    set_limits,
    value,
    watch_client,
)
from ..sql.limits import Limits
from ..sql.outside import kept_inside
from ..sql.script import split
from .history import STOPPED, History
from .lock import Watch, exclusive, refuse_transaction_pooling
from .stepwise import Journal, forget_unfinished, invalid_indexes, run_each

if TYPE_CHECKING:
    from ..sql.statements import Statement

Connect = Callable[[], Connection]
Mark = Callable[[float], None]
"""Records in the open transaction that a file is done; it receives how many seconds that took."""


@dataclass(frozen=True)
class File:
    """A script or a rollback file that is fit to run."""

    source: str
    """What messages call it: its path below the project's root."""
    text: str
    transactional: bool
    own_limits: Mapping[str, Any] = field(default_factory=dict)
    """Those that its first lines name."""

    def limits(self, of_run: Limits) -> Limits:
        """The limits of the run, but for its own."""
        return replace(of_run, **self.own_limits)

    @cached_property
    def statements(self) -> Sequence[Statement]:
        """What it consists of."""
        return split(self.text, self.source)


class Run:
    """One run of dbtool that holds the lock of its database."""

    def __init__(
        self, connection: Connection, schema: str, watch: Watch, limits: Limits, report: Reporter
    ) -> None:
        self.connection = connection
        self.history = History(connection, schema)
        self._watch = watch
        self._limits = limits
        self._report = report

    def apply(self, script: Script, file: File, *, kept: int = 0) -> None:
        """Applies one script and marks it. `kept`: how many of its statements ran earlier."""

        def mark(seconds: float) -> None:
            self.history.mark(script, seconds)

        self._execute(script.stem, file, mark, is_undo=False, kept=kept)

    def undo(self, stem: str, file: File, *, is_last: bool = False, kept: int = 0) -> None:
        """Undoes one script and forgets it. With the last one, the history itself goes."""

        def unmark(seconds: float) -> None:
            self.history.unmark(stem, seconds)
            forget_unfinished(self.connection, stem, self.history.schema)
            if is_last:
                self.history.drop()

        self._execute(stem, file, unmark, is_undo=True, kept=kept)

    def _execute(self, stem: str, file: File, mark: Mark, *, is_undo: bool, kept: int) -> None:
        kept_inside(self.connection, file.text, file.source)
        if file.transactional:
            self._patiently(lambda: self._in_one_transaction(file, mark))
            return
        started = time.perf_counter()
        with self._one_file(file):
            with self.history.transaction():
                pass
            as_connected(self.connection)
            set_limits(self.connection, file.limits(self._limits), local=False)
            what = (stem, file.text, file.statements, is_undo)
            journal = Journal(self.connection, self.history.schema, *what)
            try:
                run_each(
                    self.connection,
                    file.text,
                    file.statements,
                    file.source,
                    journal,
                    kept=kept,
                    patience=self._patience,
                )
            except ScriptFailed as error:
                self._note_stop(stem, error.message)
                error.detail = "\n".join(filter(None, [error.detail, *self._invalid_indexes()]))
                raise
            except KeyboardInterrupt:
                self._note_stop(stem, "interrupted")
                raise
            forget_session(self.connection)
            with self.history.transaction():
                journal.end()
                mark(time.perf_counter() - started)

    def _in_one_transaction(self, file: File, mark: Mark) -> None:
        started = time.perf_counter()
        with self._one_file(file), self.history.transaction():
            as_connected(self.connection)
            set_limits(self.connection, file.limits(self._limits), local=True)
            run_whole(self.connection, file.text, file.source)
            mark(time.perf_counter() - started)

    def _patiently(self, work: Callable[[], None]) -> None:
        """Does it again when another session's locks kept it from being done."""
        again = self._patience()
        while True:
            try:
                return work()
            except ScriptFailed as error:
                if not again(error):
                    raise
            # The file was rolled back as a whole, perhaps with the history's tables.
            self.history.look()

    def _patience(self) -> Callable[[ScriptFailed], bool]:
        """Returns whether to try again what is rolled back, after a pause in which nobody waits for it."""
        pauses = self._limits.pauses()

        def again(error: ScriptFailed) -> bool:
            if error.sqlstate not in WAITED or self.connection.closed:
                return False
            pause = next(pauses, None)
            if pause is None:
                return False
            self._report.notice(f"{error.message}; trying again in {pause:.1f} s")
            time.sleep(pause)
            return True

        return again

    def _note_stop(self, stem: str, reason: str) -> None:
        """Logs that a script stopped on its way, as far as there still is a connection."""
        with suppress(psycopg.Error):
            if not self.connection.closed:
                forget_session(self.connection)
                with self.connection.transaction():
                    self.history.record(STOPPED, stem, detail=reason)

    def _invalid_indexes(self) -> list[str]:
        with suppress(psycopg.Error):
            return (
                [] if self.connection.closed else [str(index) for index in invalid_indexes(self.connection)]
            )
        return []

    @contextmanager
    def _one_file(self, file: File) -> Iterator[None]:
        """Surrounds the work on one file: what it leaves in the session goes, and errors name it."""
        try:
            with self._watch.during():
                yield
        except psycopg.Error as error:
            lost, user = self.connection.closed, self.connection.info.user
            failed = failure(error, file.source, file.text, None, is_lost=lost, role=user)
            self._blame(failed)
            raise failed from error
        except ScriptFailed as error:
            self._blame(error)
            raise
        finally:
            with suppress(psycopg.Error):
                forget_session(self.connection)

    def _blame(self, error: ScriptFailed) -> None:
        """Adds who was in the way to the error of a file that waited too long."""
        if error.sqlstate in WAITED and self._watch.seen:
            error.detail = "\n".join(filter(None, [error.detail, self._watch.seen]))


@contextmanager
def session(connect: Connect, report: Reporter) -> Iterator[Connection]:
    """A connection for running scripts, closed afterwards. Raises DbtoolError for one that has no session."""
    with closing(connect()) as connection:
        connection.autocommit = True
        refuse_transaction_pooling(connect, connection)
        make_ready(connection, report)
        with denials(connection):
            yield connection


def make_ready(connection: Connection, report: Reporter) -> None:
    """Prepares a connection for running scripts: autocommit, what the server says reported."""

    def report_notice(diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized in ("WARNING", "NOTICE", "INFO"):
            report.notice(f"{diagnostic.severity_nonlocalized.lower()}: {diagnostic.message_primary}")

    connection.autocommit = True
    connection.add_notice_handler(report_notice)
    pin(connection)
    watch_client(connection)


@contextmanager
def exclusive_run(
    connect: Connect, connection: Connection, schema: str, limits: Limits, report: Reporter
) -> Iterator[Run]:
    """A run that holds the lock of the database; `connect` makes the connection that watches this one."""
    watch = Watch(connect, value(connection, "select pg_backend_pid()"), report.notice)
    try:
        with exclusive(connection, limits.wait, report.waiting, schema):
            yield Run(connection, schema, watch, limits, report)
    finally:
        watch.close()
