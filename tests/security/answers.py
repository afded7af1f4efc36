"""What calls answer and what they write, in a form that is the same for sessions with different settings."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from tests.calls import Scene, statement

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CODE = re.compile(r"\b[0-9a-f]{32}\b")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?[+-]\d\d:\d\d")
_NEUTRAL = {
    "search_path": "pg_catalog, pg_temp",
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "row_security": "on",
    "quote_all_identifiers": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
}
# What boards and tallies are made of is merged sooner or later, by the isolation of the transaction.
_TABLES = """
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('learn', 'learn_internal') and c.relkind in ('r', 'p') and not c.relispartition
      and c.relname !~ '^(board|merge|merge|tally)_|^tallies'
"""
# By table: the column that keeps the real time, whatever clock() says.
_REAL_TIMES = {"audit_log": "created_at", "notifications": "told_in"}
_RESTART = """
    select setval(c.oid, 1000000) from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('learn', 'learn_internal') and c.relkind = 'S'
"""


class Answer(NamedTuple):
    """The rows that a query gave, or the SQLSTATE of its refusal, and what it wrote."""

    rows: tuple[str, ...]
    refusal: str | None = None
    written: tuple[str, ...] = ()


class Caller:
    """Asks a committed scene, each time in a transaction that is rolled back.

    `connection` is the session whose settings are tried, as superuser; `admin` is another one. Both commit
    by themselves.
    """

    def __init__(
        self, connection: psycopg.Connection[Any], admin: psycopg.Connection[Any], scene: Scene
    ) -> None:
        self._connection, self._admin, self._scene = connection, admin, scene
        self._known = {str(value) for value in scene.values()}
        # How many rows each table has, and those that the transaction wrote.
        self._written = sql.SQL(" union all ").join(
            sql.SQL(
                "select {name}, count(*), array_agg((to_jsonb(t) - {late})::text)"
                " filter (where t.xmin::text::bigint >= pg_current_xact_id()::text::bigint) from {table} t"
            ).format(
                name=sql.Literal(table),
                table=sql.Identifier(schema, table),
                late=sql.Literal(_REAL_TIMES.get(table, "")),
            )
            for schema, table in admin.execute(_TABLES).fetchall()
        )

    def call(self, name: str, role: str) -> Answer:
        """One good call, made by a role."""
        return self._ask(statement(name), role)

    def read(self, view: str, role: str) -> Answer:
        """All rows of a view, read by a role."""
        answer = self._ask(f"select * from {view}".encode(), role)
        return answer._replace(rows=tuple(sorted(answer.rows)))

    def _ask(self, query: bytes, role: str) -> Answer:
        self._admin.execute(_RESTART)
        with self._connection.transaction(force_rollback=True):
            # Boards are brought up to date now and then, by chance.
            self._connection.execute("select setseed(0.5)")
            self._connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
            try:
                with self._connection.cursor(binary=True) as cursor:
                    found = cursor.execute(query, self._scene).fetchall()
                self._connection.execute("set constraints all immediate")
            except psycopg.Error as error:
                return Answer((), error.sqlstate)
            rows = tuple(self._plain(repr(tuple(map(_in_utc, row)))) for row in found)
            return Answer(rows, None, tuple(sorted(self._changes())))

    def _changes(self) -> list[str]:
        """What the open transaction has written."""
        self._connection.execute("reset role")
        for name, value in _NEUTRAL.items():
            self._connection.execute("select set_config(%s, %s, true)", [name, value])
        begun = self._connection.execute("select pg_current_xact_id_if_assigned() is not null").fetchone()
        if begun != (True,):
            return []
        changes = []
        for table, number, rows in self._connection.execute(self._written, prepare=True).fetchall():
            changes += [f"{table}: {number} rows", *(f"{table}: {self._plain(row)}" for row in rows or ())]
        return changes

    def _plain(self, text: str) -> str:
        """Without what is random; instants in JSON as of UTC."""

        def known(match: re.Match[str]) -> str:
            return match[0] if match[0] in self._known else "random"

        text = _INSTANT.sub(lambda found: str(_in_utc(datetime.fromisoformat(found[0]))), text)
        return _CODE.sub(known, _UUID.sub(known, text))


def _in_utc(value: Any) -> Any:
    return value.astimezone(timezone.utc) if isinstance(value, datetime) and value.tzinfo else value
