"""What a database consists of, and how two databases differ.

`read` describes every object that a project can make: everything in the user schemas (all but pg_*,
information_schema and `dbtool`, which holds the migration history) and what lives outside schemas:
extensions, event triggers, publications, settings and grants of the database, default privileges, and the
roles that own or may do something here.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from ..sql.execute import Connection
from ..sql.statements import split_qualified
from .queries import CATALOG

Key = tuple[str, str]
MOST_LINES = 12
"""Of a definition that differs, in a message."""
ON_RELATION = ("constraint", "trigger", "policy", "rule")
"""Kinds whose identity is `name on relation`."""


@dataclass(frozen=True)
class Catalog:
    """Objects by (kind, identity as PostgreSQL prints it, qualified and quoted), each with its facts as JSON.

    The JSON is PostgreSQL's own text, which is the same for the same facts.
    """

    objects: Mapping[Key, str]
    needs: Mapping[str, frozenset[str]] = field(default_factory=dict, compare=False)
    """What each object stands on, by identities; only where that was asked for."""

    def facts(self, key: Key) -> dict[str, Any]:
        """What is known about one object; nothing when it does not exist."""
        facts: dict[str, Any] = json.loads(self.objects.get(key, "{}"))
        return facts

    def users(self) -> dict[str, frozenset[str]]:
        """What stands on each object."""
        found: dict[str, set[str]] = {}
        for user, needed in self.needs.items():
            for name in needed:
                found.setdefault(name, set()).add(user)
        return {name: frozenset(each) for name, each in found.items()}


@dataclass(frozen=True)
class Difference:
    """One object that two catalogs do not agree on."""

    kind: str
    identity: str
    change: Literal["added", "removed", "changed"]
    details: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        line = f"{self.kind} {self.identity} {self.change}"
        return "\n  ".join([line, *self.details])


@contextmanager
def qualified_names(conn: Connection) -> Iterator[None]:
    """Lets PostgreSQL print every name with its schema; the search_path is as before afterwards.

    Compiling the long queries that want this takes longer than running them, so that is off as well.
    """
    with conn.transaction():
        before = conn.execute("select current_setting('search_path')").fetchone()
        conn.execute("select set_config('search_path', '', true), set_config('jit', 'off', true)")
        yield
        conn.execute("select set_config('search_path', %s, true)", before)


def read(conn: Connection, *, with_needs: bool = False) -> Catalog:
    """The catalog of the database as the connection's open transaction sees it.

    Any role can read it.
    """
    needs: dict[str, set[str]] = {}
    with qualified_names(conn):
        rows = conn.execute(CATALOG).fetchall()
        for user, name in _needs(conn) if with_needs else ():
            needs.setdefault(user, set()).add(name)
    objects = {(kind, identity): facts for kind, identity, facts in rows}
    return Catalog(objects, {user: frozenset(names) for user, names in needs.items()})


# What stands on what, by identities. A default stands for its column, a view's rule for the view, the index
# of a materialized view for that, one behind a constraint for the constraint, a member for its extension.
_NEEDS = """
with need as (
  select case when coalesce(r.ev_class, f.adrelid, m.oid) is null then d.classid
              else 'pg_class'::regclass end as classid,
         coalesce(r.ev_class, f.adrelid, m.oid, d.objid) as objid, coalesce(f.adnum, d.objsubid) as objsubid,
         coalesce(e.refclassid, k.refclassid, d.refclassid) as refclassid,
         coalesce(e.refobjid, k.refobjid, d.refobjid) as refobjid,
         case when coalesce(e.refobjid, k.refobjid) is null then d.refobjsubid else 0 end as refobjsubid
    from pg_depend d
    left join pg_rewrite r
      on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid and r.rulename = '_RETURN'
    left join pg_attrdef f on d.classid = 'pg_attrdef'::regclass and f.oid = d.objid
    left join (pg_index i join pg_class m on m.oid = i.indrelid and m.relkind = 'm')
      on d.classid = 'pg_class'::regclass and i.indexrelid = d.objid
    left join pg_depend e on e.classid = d.refclassid and e.objid = d.refobjid and e.deptype = 'e'
    left join pg_depend k on d.refclassid = 'pg_class'::regclass and k.classid = d.refclassid
     and k.objid = d.refobjid and k.deptype = 'i' and k.refclassid = 'pg_constraint'::regclass
   where d.objid >= 16384 and d.refobjid >= 12000 and d.deptype in ('n', 'a')
), pair as (
  select distinct n.classid, n.objid, n.objsubid, n.refclassid, n.refobjid, part.number as refobjsubid
    from need n, lateral (values (n.refobjsubid), (0)) part (number)
   where (n.classid, n.objid) <> (n.refclassid, n.refobjid)
)
select replace(one.identity, 'pg_catalog.', ''), replace(other.identity, 'pg_catalog.', '')
  from pair p,
       lateral pg_identify_object(p.classid, p.objid, p.objsubid) one,
       lateral pg_identify_object(p.refclassid, p.refobjid, p.refobjsubid) other
 where one.identity is not null and other.identity is not null"""


def _needs(conn: Connection) -> list[tuple[Any, ...]]:
    """What stands on what. Without statistics nested loops seem cheap, and take ten times as long."""
    before = conn.execute("select current_setting('enable_nestloop')").fetchone()
    conn.execute("set local enable_nestloop = off")
    rows = conn.execute(_NEEDS).fetchall()
    conn.execute("select set_config('enable_nestloop', %s, true)", before)
    return rows


def parent(identity: str) -> str:
    """What a qualified name stands in: the relation of a column, the schema of a relation."""
    return ".".join(split_qualified(identity)[:-1])


def relation_of(kind: str, identity: str, facts: str) -> str | None:
    """The relation (or domain) that a column, index, constraint, trigger, policy or rule belongs to."""
    if kind == "column":
        return parent(identity)
    if kind == "index":
        return str(json.loads(facts)["table"])
    return split_on(identity)[1] if kind in ON_RELATION else None


def split_on(identity: str) -> tuple[str, str]:
    """Name and relation (or domain) of a constraint, trigger, policy or rule."""
    name, _, on = identity.partition(" on ")
    return name, on


def diff(before: Catalog, after: Catalog) -> list[Difference]:
    """What is only in `after` (added), only in `before` (removed), or in both but not the same (changed)."""
    found = []
    for key in sorted({key for key, _ in before.objects.items() ^ after.objects.items()}):
        old, new = before.objects.get(key), after.objects.get(key)
        if old is None:
            found.append(Difference(*key, "added"))
        elif new is None:
            found.append(Difference(*key, "removed"))
        elif old != new:
            details = _describe(before.facts(key), after.facts(key))
            found.append(Difference(*key, "changed", tuple(details)))
    return found


def _describe(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """One line per fact that changed; a long definition as its changed lines."""
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if isinstance(was, str) and isinstance(now, str) and ("\n" in was or "\n" in now):
            yield f"{name}:"
            yield from _changed_lines(was.splitlines(), now.splitlines())
        elif isinstance(was, list) and isinstance(now, list):
            gone = [_show(item) for item in was if item not in now]
            came = [_show(item) for item in now if item not in was]
            parts = ["missing " + ", ".join(gone)] * bool(gone) + ["extra " + ", ".join(came)] * bool(came)
            yield f"{name}: {'; '.join(parts) or f'order {_show(was)} became {_show(now)}'}"
        else:
            yield f"{name}: {_show(was)} became {_show(now)}"


def _changed_lines(was: list[str], now: list[str]) -> Iterator[str]:
    """The lines that differ, with - and +, cut when they are many."""
    changed: Iterable[str] = difflib.unified_diff(was, now, lineterm="", n=0)
    lines = [line for line in changed if not line.startswith(("---", "+++", "@@"))]
    yield from (f"  {line}" for line in lines[:MOST_LINES])
    if len(lines) > MOST_LINES:
        yield f"  … and {len(lines) - MOST_LINES} more lines"


def _show(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
