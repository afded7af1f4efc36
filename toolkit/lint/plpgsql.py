"""Static checks of PL/pgSQL functions by the extension plpgsql_check, where the server has it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..catalog.queries import COMMON
from ..catalog.read import qualified_names
from ..findings import Finding
from ..sql.statements import Name, qualified
from .conventions import Place

if TYPE_CHECKING:
    from psycopg import Connection

RULE = "plpgsql"
# Each function, and each trigger function once for every trigger that it serves.
_CHECK = f"""{COMMON}
select n.nspname, p.proname, p.oid::regprocedure::text, coalesce(t.oid, 0),
       found.lineno, found.level, found.message, found.detail, found.hint
  from routine p
  join pg_namespace n on n.oid = p.pronamespace
  join pg_language l on l.oid = p.prolang and l.lanname = 'plpgsql'
  left join pg_trigger t on t.tgfoid = p.oid and not t.tgisinternal and t.tgparentid = 0
  cross join lateral plpgsql_check_function_tb(
    p.oid, coalesce(t.tgrelid, 0), oldtable => t.tgoldtable, newtable => t.tgnewtable,
    fatal_errors => false, extra_warnings => false, performance_warnings => false) found
 where p.prorettype <> 'trigger'::regtype or t.oid is not null
"""  # noqa: S608  a constant of this package
_TRIGGERS = """
select tgfoid::regprocedure::text, count(*)
  from pg_trigger
 where not tgisinternal and tgparentid = 0
 group by 1
"""


def is_available(conn: Connection[Any]) -> bool:
    """Whether the server could load plpgsql_check."""
    query = "select from pg_available_extensions where name = 'plpgsql_check'"
    return conn.execute(query).fetchone() is not None


def findings(conn: Connection[Any], places: Mapping[Name, Place]) -> Iterator[Finding]:
    """What the extension says; it is gone again afterwards.

    What it says of a trigger function counts when it says so for each of the triggers that it serves: one for
    inserts has no old rows, and does not come to where they are read.
    """
    with conn.transaction(force_rollback=True):
        conn.execute("create schema plpgsql_check_for_dbtool")
        conn.execute("create extension plpgsql_check schema plpgsql_check_for_dbtool cascade")
        with qualified_names(conn):
            conn.execute("select set_config('search_path', 'plpgsql_check_for_dbtool', true)")
            rows = conn.execute(_CHECK).fetchall()
            triggers_of = dict(conn.execute(_TRIGGERS).fetchall())
    said: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    for schema, name, identity, trigger, *told in rows:
        key = (schema, name, identity, *told)
        said[key].add(trigger)
    for (schema, name, identity, line, level, message, detail, hint), triggers in said.items():
        if len(triggers) < triggers_of.get(identity, 1):
            continue
        place = places.get(Name("routine", qualified([schema, name])))
        where = place.body_line(line or 1) if place else None
        text = "; ".join(part for part in (f"{level}: {message}", detail, hint) if part)
        yield Finding("lint", place.file if place else None, where, f"function {identity}", text, RULE)
