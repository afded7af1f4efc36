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
from typing import TYPE_CHECKING, Any, Literal

from ..sql.statements import split_qualified
from .queries import CATALOG, COMMON, NEEDS

if TYPE_CHECKING:
    import psycopg

Key = tuple[str, str]


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
def qualified_names(conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Lets PostgreSQL print every name with its schema; the search_path is as before afterwards.

    Compiling the long queries that want this takes longer than running them, so that is off as well.
    """
    with conn.transaction():
        before = conn.execute("select current_setting('search_path')").fetchone()
        conn.execute("select set_config('search_path', '', true), set_config('jit', 'off', true)")
        yield
        conn.execute("select set_config('search_path', %s, true)", before)


def read(conn: psycopg.Connection[Any], *, with_needs: bool = False) -> Catalog:
    """The catalog of the database as the connection's open transaction sees it.

    Any role can read it.
    """
    needs: dict[str, set[str]] = {}
    with qualified_names(conn):
        rows = conn.execute(CATALOG).fetchall()
        for user, name in conn.execute(NEEDS).fetchall() if with_needs else ():
            needs.setdefault(user, set()).add(name)
    objects = {(kind, identity): facts for kind, identity, facts in rows}
    return Catalog(objects, {user: frozenset(names) for user, names in needs.items()})


# The same, but of relations only those with these numbers.
_CATALOG_OF = CATALOG.replace("%", "%%").replace(
    "    join user_schema s on s.oid = c.relnamespace\n",
    "    join user_schema s on s.oid = c.relnamespace and c.oid = any(%(only)s::oid[])\n",
    1,
)

# Each relation with its name, and a stamp that changes whenever a row of a catalog does that tells of it.
_STAMPS = f"""{COMMON},
member (class, id, owner) as materialized (
  select 'pg_class'::regclass::oid, c.oid, c.oid from relation c
  union all select 'pg_class'::regclass, i.indexrelid, i.indrelid from pg_index i
  union all select 'pg_class'::regclass, c.reltoastrelid, c.oid from relation c where c.reltoastrelid <> 0
  union all select 'pg_constraint'::regclass, k.oid, k.conrelid from pg_constraint k where k.conrelid <> 0
  union all select 'pg_trigger'::regclass, t.oid, t.tgrelid from pg_trigger t
  union all select 'pg_policy'::regclass, p.oid, p.polrelid from pg_policy p
  union all select 'pg_rewrite'::regclass, r.oid, r.ev_class from pg_rewrite r
),
version (owner, stamp) as (
  select m.owner, concat_ws(' ', c.xmin, c.oid)
    from member m join pg_class c on c.oid = m.id where m.class = 'pg_class'::regclass
  union all select attrelid, concat_ws(' ', xmin, attnum) from pg_attribute where attrelid >= 16384
  union all select adrelid, concat_ws(' ', xmin, oid) from pg_attrdef
  union all select conrelid, concat_ws(' ', xmin, oid) from pg_constraint
  union all select indrelid, concat_ws(' ', xmin, indexrelid) from pg_index where indrelid >= 16384
  union all select tgrelid, concat_ws(' ', xmin, oid) from pg_trigger
  union all select polrelid, concat_ws(' ', xmin, oid) from pg_policy
  union all select ev_class, concat_ws(' ', xmin, oid) from pg_rewrite where ev_class >= 16384
  union all select seqrelid, concat_ws(' ', xmin) from pg_sequence
  union all select ftrelid, concat_ws(' ', xmin) from pg_foreign_table
  union all select m.owner, concat_ws(' ', h.xmin, h.inhparent)
    from pg_inherits h join member m on m.id = h.inhrelid and m.class = 'pg_class'::regclass
  union all select m.owner, concat_ws(' ', d.xmin, d.objoid, d.objsubid)
    from pg_description d join member m on m.class = d.classoid and m.id = d.objoid
  union all select m.owner, concat_ws(' ', d.xmin, d.refobjid, d.refobjsubid)  -- such as OWNED BY
    from pg_depend d join member m on m.class = d.classid and m.id = d.objid
   where d.deptype in ('a', 'i', 'P', 'S') and d.objid >= 16384
)
select c.oid::bigint, c.oid::regclass::text, md5(string_agg(v.stamp, ',' order by v.stamp))
  from relation c
  join version v on v.owner = c.oid
 where c.relkind not in ('i', 'I', 't')
 group by c.oid"""  # noqa: S608  a constant of this package

# What other objects' definitions name, by a key that stays when it is renamed.
_NAMES = """
select 'relation ' || oid, concat(relnamespace, ' ', relname)
  from pg_class where oid >= 16384 and relkind not in ('i', 'I', 't')
union all select concat('column ', attrelid, ' ', attnum), attname
  from pg_attribute where attrelid >= 16384 and attnum > 0 and not attisdropped
union all select 'routine ' || oid, concat(pronamespace, ' ', proname) from pg_proc where oid >= 16384
union all select 'type ' || oid, concat(typnamespace, ' ', typname) from pg_type where oid >= 16384
union all select 'schema ' || oid, nspname from pg_namespace
union all select 'role ' || oid, rolname from pg_roles where oid >= 16384
union all select 'label ' || oid, enumlabel from pg_enum
union all select 'operator ' || oid, concat(oprnamespace, ' ', oprname)
  from pg_operator where oid >= 16384
union all select 'operator class ' || oid, concat(opcnamespace, ' ', opcname)
  from pg_opclass where oid >= 16384
union all select 'collation ' || oid, concat(collnamespace, ' ', collname)
  from pg_collation where oid >= 16384
union all select 'search ' || oid, concat(cfgnamespace, ' ', cfgname)
  from pg_ts_config where oid >= 16384
union all select 'server ' || oid, srvname from pg_foreign_server
union all select 'tablespace ' || oid, spcname from pg_tablespace
union all select 'method ' || oid, amname from pg_am where oid >= 16384"""


class Observer:
    """Reads the catalog of a database again and again: what belongs to a relation only when it has changed.

    That makes a walk over many versions linear. Where something that others name was renamed, all is read.
    """

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        self.conn = conn
        self._stamps: dict[int, tuple[str, str]] = {}
        self._names: dict[str, str] = {}
        self._objects: dict[Key, str] = {}
        self._homes: dict[Key, str | None] = {}

    def read(self) -> Catalog:
        """The catalog as `read` has it."""
        with qualified_names(self.conn):
            self.conn.execute("set local plan_cache_mode = force_generic_plan")
            stamps = {
                oid: (name, stamp) for oid, name, stamp in self.conn.execute(_STAMPS, prepare=True).fetchall()
            }
            names = dict(self.conn.execute(_NAMES, prepare=True).fetchall())
            is_renamed = any(names.get(key, name) != name for key, name in self._names.items())
            if is_renamed or not self._stamps:
                changed, kept = list(stamps), set()
            else:
                changed = [oid for oid, stamp in stamps.items() if self._stamps.get(oid) != stamp]
                kept = {
                    name for oid, (name, stamp) in stamps.items() if self._stamps.get(oid) == (name, stamp)
                }
            rows = self.conn.execute(
                _CATALOG_OF, {"only": f"{{{','.join(map(str, changed))}}}"}, prepare=True
            ).fetchall()
        self._objects = {key: facts for key, facts in self._objects.items() if self._homes[key] in kept}
        relations = {name for name, _ in stamps.values()}
        for kind, identity, facts in rows:
            self._objects[kind, identity] = facts
            self._homes[kind, identity] = _home(kind, identity, facts, relations)
        self._stamps, self._names = stamps, names
        return Catalog(dict(self._objects))


def _home(kind: str, identity: str, facts: str, relations: set[str]) -> str | None:
    """The relation that an object is or belongs to."""
    if kind in ("constraint", "trigger", "policy", "rule"):
        home = split_on(identity)[1]
    elif kind == "column":
        home = parent(identity)
    elif kind == "index":
        home = json.loads(facts)["table"]
    else:
        home = identity if kind in _RELATIONS else ""
    return home if home in relations else None


_RELATIONS = ("table", "foreign table", "view", "materialized view", "sequence")


def parent(identity: str) -> str:
    """What a qualified name stands in: the relation of a column, the schema of a relation."""
    return ".".join(split_qualified(identity)[:-1])


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


def _changed_lines(was: list[str], now: list[str], at_most: int = 12) -> Iterator[str]:
    """The lines that differ, with - and +, cut after `at_most`."""
    changed: Iterable[str] = difflib.unified_diff(was, now, lineterm="", n=0)
    lines = [line for line in changed if not line.startswith(("---", "+++", "@@"))]
    yield from (f"  {line}" for line in lines[:at_most])
    if len(lines) > at_most:
        yield f"  … and {len(lines) - at_most} more lines"


def _show(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
