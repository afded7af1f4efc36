"""Whether a database is what the sources say: its routines, views and triggers against the files."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from ..catalog.objects import Live, comment_sql, dependents, live, privileges_sql
from ..catalog.read import Catalog, Difference, Key, diff
from ..catalog.read import read as read_catalog
from ..errors import DbtoolError, Finding
from ..project.sources import NAMED, Piece, Sources, file_for, in_order
from ..sql.execute import Connection, Sent, send
from ..sql.script import failing_line, split
from ..sql.statements import Name, table_of

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
    conn: Connection, pieces: Sequence[Piece], gone: Iterable[Live], library: Callable[[Live], Piece | None]
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


def reset(conn: Connection, items: Iterable[Live]) -> None:
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


def _apply(conn: Connection, pieces: list[Piece]) -> tuple[list[Piece], list[Piece], list[Finding]]:
    """Runs the pieces until none is left or none can be run.

    Returns those that ran, those whose object must be dropped first, and the failures.
    """
    waiting = in_order(pieces)
    done: list[Piece] = []
    while waiting:
        failed: dict[str, Sent] = {}
        for piece in waiting:
            try:
                with conn.transaction():
                    outcome = send(conn, piece.text)
                    outcome.require()
                done.append(piece)
            except psycopg.Error:  # noqa: PERF203  the savepoint is the point
                failed[piece.label] = outcome
        if len(failed) == len(waiting):
            stuck = [piece for piece in waiting if isinstance(failed[piece.label].error, _CANNOT_REPLACE)]
            return done, stuck, [failure(piece, failed[piece.label]) for piece in waiting] + _circle(waiting)
        waiting = [piece for piece in waiting if piece.label in failed]
    return done, [], []


def failure(piece: Piece, outcome: Sent) -> Finding:
    """Why a piece could not be run, with the line."""
    error = outcome.error
    assert error is not None
    diagnostic = error.diag
    line = failing_line(piece.text, split(piece.text, piece.label), outcome.completed, diagnostic)
    parts = [diagnostic.message_primary or str(error), diagnostic.message_detail, diagnostic.message_hint]
    return Finding("source", piece.label, line, None, "; ".join(part for part in parts if part))


def _drop(conn: Connection, items: list[Live]) -> list[Live]:
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


def _keep_owners(conn: Connection, dropped: Iterable[Live]) -> None:
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


@dataclass(frozen=True)
class Changes:
    """What separates a database from the sources."""

    findings: tuple[Finding, ...]
    changed: tuple[Piece, ...]
    """The source files whose objects are not, or not like this, in the database."""
    surplus: tuple[Live, ...]
    """The objects that no source defines."""
    wanted: Mapping[Key, Live]
    """The routines, views and triggers as the sources make them."""


def compare(conn: Connection, sources: Sources, database: Catalog, given: Container[Key] = ()) -> Changes:
    """Runs every source on the database, whose catalog is `database`, and returns what that changed.

    Before that, what sources give an object is taken away (comments, grants, triggers), so that a source that
    forgets one is found. What was `given` before the scripts needs none. Raises Unsettled when a source
    cannot be run.
    """
    by_name = sources.by_name()
    with conn.transaction(force_rollback=True):
        before = {
            key: item
            for key, item in live(conn).items()
            if item.name not in sources.beneath or item.name in by_name
        }
        others = (item for item in before.values() if item.name not in by_name)
        orphans = {item.key: item for item in others if item.key not in given}
        stale = {item.key: item for item in _other_signatures(conn, before.values(), by_name)}
        reset(conn, [item for item in before.values() if item.name in by_name])
        bare = {key: item for key, item in live(conn).items() if key in before}
        settle(conn, sources.pieces, stale.values(), lambda item: by_name.get(item.name))
        wanted = live(conn)
        # Signatures that only the server can tell: what no source has replaced.
        stale |= {
            key: item
            for key, item in bare.items()
            if item.name.kind == "routine" and item.name in by_name and _untouched(item, wanted.get(key))
        }
        after = read_catalog(conn)
    surplus = orphans | stale
    findings = [_without_source(item, by_name) for item in surplus.values()]
    changed: dict[str, Piece] = {}
    for difference in diff(database, after):
        key = (difference.kind, difference.identity)
        if key in surplus:
            continue
        name = part_of(key, {**before, **wanted}, after, database)
        piece = by_name.get(name) if name else None
        if piece is not None:
            changed[piece.label] = piece
        findings.append(_finding(difference, piece))
    ordered = tuple(piece for piece in sources.pieces if piece.label in changed)
    return Changes(tuple(findings), ordered, tuple(surplus.values()), wanted)


def _untouched(item: Live, now: Live | None) -> bool:
    return now is not None and (now.oid, now.version) == (item.oid, item.version)


def _other_signatures(
    conn: Connection, items: Iterable[Live], by_name: Mapping[Name, Piece]
) -> Iterator[Live]:
    """The routines whose name a source defines, but with other arguments."""
    pieces = {
        item.name: by_name[item.name]
        for item in items
        if item.name.kind == "routine" and item.name in by_name
    }
    names = {name for piece in pieces.values() for types in piece.signatures for name in types or ()}
    rows = conn.execute(
        "select name, to_regtype(name)::oid from unnest(%s::text[]) name", [list(names)]
    ).fetchall()
    oids: dict[str, int | None] = dict(rows)
    for item in items:
        if item.name not in pieces:
            continue
        signatures = pieces[item.name].signatures
        known = [[oids[name] for name in types] for types in signatures if types is not None]
        if len(known) == len(signatures) and item.arguments not in known:
            yield item


def _without_source(item: Live, by_name: Mapping[Name, Piece]) -> Finding:
    piece = by_name.get(item.name)
    if piece is not None:
        message = f"the migrations make it with these arguments, {piece.label} does not"
        return Finding("drift", piece.label, None, f"{item.kind} {item.identity}", message)
    place = file_for(item.name, item.returns_trigger)
    if item.name.kind == "trigger":
        place += " or the file of its trigger function"
    message = f"the migrations make it, but no source file does; it belongs in {place}"
    return Finding("drift", None, None, f"{item.kind} {item.identity}", message)


def _finding(difference: Difference, piece: Piece | None) -> Finding:
    what = {
        "added": "is in the sources but not in what the migrations build",
        "removed": "is in what the migrations build but not in what the sources make",
        "changed": "differs between what the migrations build (-) and the sources (+)",
    }[difference.change]
    message = "\n  ".join([what, *difference.details])
    label = piece.label if piece else None
    return Finding("drift", label, None, f"{difference.kind} {difference.identity}", message)


def part_of(key: Key, known: Mapping[Key, Live], *catalogs: Catalog) -> Name | None:
    """What a catalog's entry is part of: a routine, trigger or view, for a view's columns, rules, indexes."""
    if key in known:
        return known[key].name
    kind, identity = key
    relations = {item.identity: item.name for item in known.values() if item.name.kind == "relation"}
    if kind == "rule":
        return relations.get(table_of(Name("trigger", identity)))
    if kind == "index":
        tables = (catalog.facts(key).get("table") for catalog in catalogs)
        return next((relations[table] for table in tables if table in relations), None)
    if kind == "column":
        return next((name for view, name in relations.items() if identity.startswith(f"{view}.")), None)
    return None
