"""Brings a database's routines, views and triggers to the text of files, in an order that works.

The order is guessed from names and then proven by running it: what fails is tried again after the others, and
what cannot be replaced in place is dropped first together with everything that uses it. All of it happens in
the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg

from toolkit.catalog.objects import Live, comment_sql, dependents, live, privileges_sql
from toolkit.errors import DbtoolError
from toolkit.findings import Finding
from toolkit.project.sources import NAMED, Piece, in_order
from toolkit.sql.execute import Outcome, send
from toolkit.sql.script import failing_line, split

if TYPE_CHECKING:
    from psycopg import Connection

# What PostgreSQL answers when an object is there already in a form that cannot be replaced in place.
_CANNOT_REPLACE = (
    psycopg.errors.InvalidFunctionDefinition,
    psycopg.errors.InvalidTableDefinition,
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateFunction,
    psycopg.errors.DuplicateObject,
    psycopg.errors.WrongObjectType,
)


class Unsettled(DbtoolError):  # noqa: N818
    """Some files could not be applied in any order."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__(str(findings[0]), detail="\n".join(map(str, findings[1:])) or None)


@dataclass(frozen=True)
class Settled:
    """What was done, in order: first these were dropped (users before what they use), then these were run."""

    dropped: tuple[Live, ...]
    applied: tuple[Piece, ...]


NOTHING_SETTLED = Settled((), ())


def settle(
    conn: Connection[Any],
    pieces: Sequence[Piece],
    gone: Iterable[Live],
    library: Callable[[Live], Piece | None],
) -> Settled:
    """Drops `gone` and applies `pieces`; what uses something that had to be dropped is made again.

    `library` has the text of objects beyond `pieces`. Objects made again keep their owner. Raises Unsettled.
    """
    before = live(conn)
    doomed = {item.key: item for item in gone}
    chosen = {piece.label: piece for piece in pieces}
    leaving = set(doomed)
    while True:
        drops, blockers = dependents(conn, doomed.values(), before.values())
        for item in drops:
            piece = library(item) if item.key not in leaving else None
            if piece is not None:
                chosen.setdefault(piece.label, piece)
            elif item.key not in leaving and not any(item.name in piece.defines for piece in chosen.values()):
                blockers.append(f"{item.kind} {item.identity}")
        if blockers:
            raise Unsettled([_blocked(list(doomed.values()), blockers)])
        with conn.transaction() as savepoint:
            dropped = _drop(conn, drops)
            applied, stuck, failures = _apply(conn, list(chosen.values()))
            names = {name for piece in stuck for name in piece.defines}
            more = {key: item for key, item in before.items() if item.name in names and key not in doomed}
            if failures or more:
                raise psycopg.Rollback(savepoint)
        if not failures and not more:
            break
        if not more:
            raise Unsettled(failures)
        doomed |= more
    _keep_owners(conn, dropped)
    return Settled(tuple(dropped), tuple(applied))


def reset(conn: Connection[Any], items: Iterable[Live]) -> None:
    """Takes away what sources give: triggers, comments, and grants beyond those of a new object."""
    statements = []
    for item in items:
        if item.kind in ("trigger", "event trigger"):
            statements.append(item.drop)
        else:
            statements += privileges_sql(item, item.grants, item.bare)
            statements += [comment_sql(item, part, None) for part in item.comments]
    if statements:
        conn.execute("\n".join(statements).encode())


def _apply(conn: Connection[Any], pieces: list[Piece]) -> tuple[list[Piece], list[Piece], list[Finding]]:
    """Runs the pieces until none is left or none can be run.

    Returns those that ran, those whose object must be dropped first, and the failures.
    """
    waiting = in_order(pieces)
    done: list[Piece] = []
    while waiting:
        failed: dict[str, Outcome] = {}
        for piece in waiting:
            try:
                with conn.transaction():
                    outcome = send(conn, piece.text)
                    if outcome.error is not None:
                        raise outcome.error
                done.append(piece)
            except psycopg.Error:  # noqa: PERF203  the savepoint is the point
                failed[piece.label] = outcome
        if len(failed) == len(waiting):
            stuck = [piece for piece in waiting if isinstance(failed[piece.label].error, _CANNOT_REPLACE)]
            return done, stuck, [failure(piece, failed[piece.label]) for piece in waiting] + _circle(waiting)
        waiting = [piece for piece in waiting if piece.label in failed]
    return done, [], []


def failure(piece: Piece, outcome: Outcome) -> Finding:
    """Why a piece could not be run, with the line."""
    error = outcome.error
    assert error is not None
    diagnostic = error.diag
    line = failing_line(piece.text, split(piece.text, piece.label), outcome.completed, diagnostic)
    parts = [diagnostic.message_primary or str(error), diagnostic.message_detail, diagnostic.message_hint]
    return Finding("source", piece.label, line, None, "; ".join(part for part in parts if part))


def _drop(conn: Connection[Any], items: list[Live]) -> list[Live]:
    """Drops the objects, none before those that use it; the order in which it was done."""
    waiting = sorted(items, key=lambda item: (item.kind != "trigger", item.key))
    done: list[Live] = []
    while waiting:
        kept = []
        for item in waiting:
            try:
                with conn.transaction():
                    conn.execute(item.drop.encode())
                done.append(item)
            except psycopg.errors.DependentObjectsStillExist:  # noqa: PERF203
                kept.append(item)
        if len(kept) == len(waiting):
            raise Unsettled([_blocked(kept, ["one another"])])
        waiting = kept
    return done


def _keep_owners(conn: Connection[Any], dropped: Iterable[Live]) -> None:
    """Gives objects that were made again the owner they had."""
    now = live(conn)
    for item in dropped:
        if item.key in now and item.owner != now[item.key].owner:
            conn.execute(owner_sql(item).encode())


def owner_sql(item: Live) -> str:
    """The statement that gives an object the owner it had."""
    return f"alter {item.kind} {item.identity} owner to {item.owner};"


def _circle(waiting: list[Piece]) -> list[Finding]:
    """Says so when every file that is left needs another one of them."""
    defined = {name.identity for piece in waiting for name in piece.defines if name.kind in NAMED}
    needy = [
        piece
        for piece in waiting
        if any(other in piece.text for other in defined - {name.identity for name in piece.defines})
    ]
    if len(waiting) < 2 or len(needy) < len(waiting):
        return []
    labels = ", ".join(piece.label for piece in waiting)
    return [Finding("source", None, None, None, f"these files need one another, none can be first: {labels}")]


def _blocked(items: list[Live], blockers: list[str]) -> Finding:
    names = ", ".join(f"{item.kind} {item.identity}" for item in items)
    message = (
        f"cannot be replaced in place and cannot be dropped, since {', '.join(blockers)} needs it; "
        "write this migration by hand (dbtool new --empty)"
    )
    return Finding("source", None, None, names, message)
