"""What the tables of a database hold, in digests that can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from toolkit.catalog.queries import COMMON

_COLUMNS = f"""{COMMON}
select n.nspname, c.relname, a.attname
  from relation c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where c.relkind in ('r', 'm')
 order by 1, 2, a.attname
"""  # noqa: S608  a constant of this package
_SEQUENCES = """
select format('%I.%I', schemaname, sequencename), last_value from pg_sequences where schemaname <> 'dbtool'
"""


@dataclass(frozen=True)
class Contents:
    """A digest of the rows of each table, one of each of its columns, and where each sequence stands."""

    rows: Mapping[str, Any]
    columns: Mapping[tuple[str, str], Any]
    sequences: Mapping[str, Any]


def read(conn: psycopg.Connection[Any], left_out: frozenset[tuple[str, str]] = frozenset()) -> Contents:
    """The contents of every table, without the columns (table, column) that are left out of its rows."""
    tables: dict[tuple[str, str], list[str]] = {}
    for schema, table, column in conn.execute(_COLUMNS).fetchall():
        tables.setdefault((schema, table), []).append(column)
    rows: dict[str, Any] = {}
    columns: dict[tuple[str, str], Any] = {}
    for (schema, table), names in tables.items():
        label = f"{schema}.{table}"
        kept = [name for name in names if (label, name) not in left_out]
        row = sql.SQL("row({})").format(sql.SQL(", ").join(map(sql.Identifier, kept)))
        digests = [_digest(part) for part in (row, *map(sql.Identifier, names))]
        query = sql.SQL("select {} from {}").format(
            sql.SQL(", ").join(digests), sql.Identifier(schema, table)
        )
        found: Sequence[Any] = conn.execute(query).fetchone() or ()
        rows[label] = found[0]
        columns.update({(label, name): value for name, value in zip(names, found[1:], strict=True)})
    return Contents(rows, columns, dict(conn.execute(_SEQUENCES).fetchall()))


def varying(one: Contents, other: Contents) -> frozenset[tuple[str, str]]:
    """The columns that two databases built alike do not share: times, random ids and what comes of them."""
    return frozenset(key for key, value in one.columns.items() if other.columns.get(key) != value)


def diff(want: Contents, have: Contents) -> list[str]:
    """The tables and sequences that two databases do not share, in words."""
    found = [f"table {name}: other rows" for name, value in want.rows.items() if have.rows.get(name) != value]
    return found + [
        f"sequence {name}: at {have.sequences.get(name)} instead of {value}"
        for name, value in want.sequences.items()
        if have.sequences.get(name) != value
    ]


def _digest(part: sql.Composable) -> sql.Composed:
    return sql.SQL("md5(string_agg(({0})::text, e'\\n' order by ({0})::text collate \"C\"))").format(part)
