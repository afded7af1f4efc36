"""What every part of the client stands on: queries over one connection, moments and plain data."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, tuple_row

from toolkit.client import Arguments, Client
from toolkit.client import Moment as Moment
from toolkit.client import moment as moment
from toolkit.client import plain as plain
from toolkit.client import to_moment as to_moment

Connection = psycopg.Connection[tuple[Any, ...]]


def days(number: float) -> timedelta:
    """So many times 24 hours."""
    return timedelta(days=number)


def seconds(number: float) -> timedelta:
    """So many seconds."""
    return timedelta(seconds=number)


class Queries(Client):
    """Plain queries, beside the calls."""

    def run(self, query: str, arguments: Arguments | None = None) -> psycopg.Cursor[tuple[Any, ...]]:
        """Runs a statement; without arguments a % in it is a %."""
        return self.connection.execute(query.encode(), arguments)

    def values(self, query: str, arguments: Arguments = ()) -> list[Any]:
        """The only column of all rows."""
        return [value for (value,) in self.tuples(query, arguments)]

    def tuples(self, query: str, arguments: Arguments = ()) -> list[tuple[Any, ...]]:
        with self.connection.cursor(row_factory=tuple_row) as cursor:
            return cursor.execute(query.encode(), arguments).fetchall()

    def dicts(self, query: str, arguments: Arguments = ()) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query.encode(), arguments).fetchall()

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
