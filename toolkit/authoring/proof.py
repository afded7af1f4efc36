"""Proof that two lists of scripts build the same: the catalogs and rows of what they build are compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ..catalog import read as catalog
from ..catalog.queries import COMMON
from ..configuration import OWN_FILE
from ..connection import connect
from ..history import migrations
from ..project.layout import EXTENDS, Project, Script
from ..sql.execute import Connection

if TYPE_CHECKING:
    from ..servers.throwaway import ThrowawayServer


@dataclass(frozen=True)
class Built:
    """A database: what it consists of, what its tables hold."""

    catalog: catalog.Catalog
    rows: Contents


def differences(server: ThrowawayServer, project: Project, other: Project) -> list[str]:
    """What is different in a database that `project` builds from one that `other` builds, a line for each."""
    with TemporaryDirectory() as folder:
        stand_like(project, Path(folder))
        wanted, varying = what_they_build(server, other.scripts(), Path(folder))
        return differences_between(wanted, build(server, project.scripts(), Path(folder), varying))


def stand_like(project: Project, folder: Path) -> None:
    """Has what is built in a folder stand on what the project stands on."""
    if project.base:
        text = f"{EXTENDS} = {json.dumps(str(project.base.root))}\n"
        (folder / OWN_FILE).write_text(text, encoding="utf-8")


def differences_between(wanted: Built, built: Built) -> list[str]:
    """The same of two databases that were read."""
    found = [str(each) for each in catalog.diff(wanted.catalog, built.catalog)]
    return found + diff_contents(wanted.rows, built.rows)


def what_they_build(
    server: ThrowawayServer, scripts: Sequence[Script], folder: Path
) -> tuple[Built, frozenset[tuple[str, str]]]:
    """What the files build, and the columns that are different every time."""
    first = build(server, scripts, folder, frozenset())
    varying = varying_columns(first.rows, build(server, scripts, folder, frozenset()).rows)
    return build(server, scripts, folder, varying) if varying else first, varying


def build(
    server: ThrowawayServer, texts: Sequence[Script | str], folder: Path, varying: frozenset[tuple[str, str]]
) -> Built:
    """What these scripts build, the first of which is the schema."""
    with database(server, texts, folder) as (connect_to, project):
        migrations.migrate(connect_to, project)
        with connect_to() as conn:
            return Built(catalog.read(conn), read_contents(conn, varying))


@contextmanager
def database(
    server: ThrowawayServer, texts: Sequence[Script | str], root: Path, rollback: str | None = None
) -> Iterator[tuple[Callable[[], Connection], Project]]:
    """A new database and a project of these texts in a folder; the first is the schema."""
    (root / "migrations").mkdir(exist_ok=True)
    for old in (root / "migrations").iterdir():
        old.unlink()
    for number, each in enumerate(texts):
        name = each.path.name if isinstance(each, Script) else f"migration{number}.sql"
        path = root / (f"migrations/{name}" if number else "schema.sql")
        path.write_text(each.text if isinstance(each, Script) else each, encoding="utf-8")
    if rollback is not None:
        (root / "schema.rollback.sql").write_text(rollback, encoding="utf-8")
    roles = server.roles()
    server.create_database("squash")
    try:
        connect_to = partial(connect, server.url("squash"), application_name="dbtool squash")
        yield connect_to, Project.open(root)
    finally:
        server.drop_database("squash")
        server.drop_new_roles(roles)


_COLUMNS = f"""{COMMON}
select n.nspname, c.relname, a.attname
  from relation c
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
 where c.relkind in ('r', 'm') and c.relispopulated
 order by 1, 2, a.attname
"""  # noqa: S608  a constant of this package
_SEQUENCES = """
select format('%I.%I', schemaname, sequencename), last_value
  from pg_sequences
 where schemaname !~ '^dbtool(_|$)'
"""


@dataclass(frozen=True)
class Contents:
    """A digest of the rows of each table, one of each of its columns, and where each sequence stands."""

    rows: Mapping[str, Any]
    columns: Mapping[tuple[str, str], Any]
    sequences: Mapping[str, Any]


def read_contents(conn: Connection, left_out: frozenset[tuple[str, str]] = frozenset()) -> Contents:
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


def varying_columns(one: Contents, other: Contents) -> frozenset[tuple[str, str]]:
    """The columns that two databases built alike do not share: times, random ids and what comes of them."""
    return frozenset(key for key, value in one.columns.items() if other.columns.get(key) != value)


def diff_contents(want: Contents, have: Contents) -> list[str]:
    """The tables and sequences that two databases do not share, in words."""
    found = [f"table {name}: other rows" for name, value in want.rows.items() if have.rows.get(name) != value]
    return found + [
        f"sequence {name}: at {have.sequences.get(name)} instead of {value}"
        for name, value in want.sequences.items()
        if have.sequences.get(name) != value
    ]


def _digest(part: sql.Composable) -> sql.Composed:
    return sql.SQL("md5(string_agg(({0})::text, e'\\n' order by ({0})::text collate \"C\"))").format(part)
