"""What every part of the client stands on: queries over one connection, moments and plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, namedtuple_row, tuple_row

Connection = psycopg.Connection[tuple[Any, ...]]
Moment = datetime | str
Arguments = Sequence[Any] | Mapping[str, Any]


def moment(text: str, zone: str = "UTC") -> datetime:
    """A point in time by the wall clock of a time zone: `moment("2035-03-25 00:30", "Europe/Paris")`."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def days(number: float) -> timedelta:
    """So many times 24 hours."""
    return timedelta(days=number)


def seconds(number: float) -> timedelta:
    """So many seconds."""
    return timedelta(seconds=number)


def to_moment(at: Moment | None) -> datetime | None:
    """A text is a time in UTC."""
    return moment(at) if isinstance(at, str) else at


def plain(value: Any) -> Any:
    """JSON data with UUIDs and datetimes as text."""
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


class Queries:
    """Plain queries."""

    connection: psycopg.Connection[Any]

    def value(self, query: str, arguments: Arguments = ()) -> Any:
        """The only column of the only row."""
        ((found,),) = self.tuples(query, arguments)
        return found

    def values(self, query: str, arguments: Arguments = ()) -> list[Any]:
        """The only column of all rows."""
        return [value for (value,) in self.tuples(query, arguments)]

    def tuples(self, query: str, arguments: Arguments = ()) -> list[tuple[Any, ...]]:
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(query.encode(), arguments).fetchall()

    def dicts(self, query: str, arguments: Arguments = ()) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), arguments).fetchall()

    def rows(self, query: str, arguments: Arguments = ()) -> list[Any]:
        """Rows with named columns; equal to plain tuples of the same values."""
        with self.connection.cursor(row_factory=namedtuple_row) as cursor:
            return list(cursor.execute(query.encode(), arguments).fetchall())

    def insert(self, table: str, returning: str = "id", **columns: Any) -> Any:
        """Inserts a row into a table of learn; returns its id."""
        query = sql.SQL("insert into {} ({}) values ({}) returning {}").format(
            sql.Identifier("learn", table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(map(sql.Placeholder, columns)),
            sql.SQL(returning),
        )
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            ((made,),) = cursor.execute(query, columns).fetchall()
        return made

    def finish(self) -> None:
        """Does now what waits for the transaction to commit."""
        self.connection.execute("set constraints all immediate; set constraints all deferred")

    def row_counts(self) -> dict[str, int]:
        """Number of rows of every table, by name; partitions within their table."""
        tables = self.tuples(
            "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where n.nspname in ('learn', 'learn_internal') and c.relkind in ('r', 'p')"
            " and not c.relispartition order by 1, 2"
        )
        counts = sql.SQL(" union all ").join(
            sql.SQL("select {}, count(*) from {}").format(
                sql.Literal(f"{schema}.{table}"), sql.Identifier(schema, table)
            )
            for schema, table in tables
        )
        return dict(self.connection.execute(counts).fetchall())
