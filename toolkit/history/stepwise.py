"""Running a script without transaction: statement by statement, each committed together with a note of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import psycopg
from psycopg.pq import TransactionStatus

from toolkit.errors import ScriptFailed
from toolkit.history.journal import Journal
from toolkit.sql.execute import Connection, failure, kept_text, send
from toolkit.sql.script import TRANSACTION_CONTROL, Statement, failing_line

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
            failed = failure(error, source, text, line, kept=statements[:stay], of=len(statements))
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
    if _is_in_block(connection):
        if statement.kind == TRANSACTION_CONTROL:
            journal.keep(number)  # committed with the script's own COMMIT, gone with its ROLLBACK
        _send(connection, statement.text)
    elif statement.is_alone:
        journal.reach(number, number - 1)
        with _patience(connection, statement):
            _send(connection, statement.text)
    else:
        with connection.transaction():
            _send(connection, statement.text)
            journal.keep(number)
        return True
    if _is_in_block(connection):
        return False
    journal.keep(number)
    return True


def _send(connection: Connection, text: str) -> None:
    outcome = send(connection, text)
    if outcome.error is not None:
        raise outcome.error


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
