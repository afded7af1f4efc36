"""Whether a database is what the sources say: its routines, views and triggers against the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from toolkit.authoring.settle import reset, settle
from toolkit.catalog.objects import Live, live
from toolkit.catalog.read import Catalog, Difference, Key, diff
from toolkit.catalog.read import read as read_catalog
from toolkit.findings import Finding
from toolkit.project.sources import Piece, Sources, file_for
from toolkit.sql.statements import Name, table_of

if TYPE_CHECKING:
    from psycopg import Connection


@dataclass(frozen=True)
class Drift:
    """What separates a database from the sources."""

    findings: tuple[Finding, ...]
    changed: tuple[Piece, ...]
    """The source files whose objects are not, or not like this, in the database."""
    surplus: tuple[Live, ...]
    """The objects that no source defines."""
    wanted: Mapping[Key, Live]
    """The routines, views and triggers as the sources make them."""


def compare(conn: Connection[Any], sources: Sources, database: Catalog) -> Drift:
    """Runs every source on the database, whose catalog is `database`, and tells what that changed.

    Before that, what sources give an object is taken away (comments, grants, triggers), so that a source that
    forgets one is found. Raises Unsettled when a source cannot be run.
    """
    by_name = sources.by_name()
    with conn.transaction(force_rollback=True):
        before = live(conn)
        orphans = {item.key: item for item in before.values() if item.name not in by_name}
        stale = {item.key: item for item in _other_signatures(conn, before.values(), by_name)}
        reset(conn, [item for item in before.values() if item.key not in orphans])
        bare = live(conn)
        settle(conn, sources.pieces, stale.values(), lambda item: by_name.get(item.name))
        wanted = live(conn)
        # Signatures that only the server can tell: what no source has replaced.
        stale |= {
            key: item
            for key, item in bare.items()
            if item.name.kind == "routine" and key not in orphans and _untouched(item, wanted.get(key))
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
    return Drift(tuple(findings), ordered, tuple(surplus.values()), wanted)


def _untouched(item: Live, now: Live | None) -> bool:
    return now is not None and (now.oid, now.version) == (item.oid, item.version)


def _other_signatures(
    conn: Connection[Any], items: Iterable[Live], by_name: Mapping[Name, Piece]
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
        known = [tuple(oids[name] for name in types) for types in signatures if types is not None]
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
