"""yoyo's PostgreSQL backend on a connection given to it, its tables pinned to the schema `dbtool`.

Of yoyo this uses what makes its history readable for plain yoyo: its tables, their upgrades, its hashes and
its log. Ordering, splitting, transactions and locking are dbtool's own.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterable
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from typing import Any

import psycopg
from yoyo import internalmigrations
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.migrations import Migration, default_migration_table

from ..servers.account import user_name
from ..sql.execute import Connection


class Backend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """Marks and unmarks scripts in the transaction that is open, wherever the search_path points."""

    def __init__(self, connection: Connection, schema: str) -> None:
        # Not super().__init__: it would open a connection of its own from a URL that it cannot fully read.
        self.uri = None
        self.schema = schema
        self._connection = connection
        self.migration_table = default_migration_table
        self.has_transactional_ddl = True
        self.DatabaseError = psycopg.DatabaseError

    def upgrade(self) -> None:
        """Creates yoyo's tables, or brings those of an older yoyo up to date."""
        if internalmigrations.needs_upgrading(self):
            internalmigrations.upgrade(self)
        if self.lock_table not in self.list_tables():
            self.execute(self.format_sql(self.create_lock_table_sql))

    def mark(self, migration_id: str) -> str:
        """Records a script as applied, as `yoyo apply` does; returns the id of the row in yoyo's log."""
        migration = Migration(migration_id, "", None)
        self.mark_one(migration, log=False)
        return self._log(migration, "apply")

    def unmark(self, migration_id: str) -> str:
        """Forgets an applied script, as `yoyo rollback` does; returns the id of the row in yoyo's log."""
        migration = Migration(migration_id, "", None)
        self.unmark_one(migration, log=False)
        return self._log(migration, "rollback")

    def _log(self, migration: Migration, operation: str) -> str:
        row = self.get_log_data(migration, operation)
        self.execute(self.format_sql(self.log_migration_sql), row)
        return str(row["id"])

    def ensure_internal_schema_updated(self) -> None:
        """Nothing: History.ensure has done it, inside the same transaction."""

    def transaction(self, rollback_on_exit: bool = False) -> AbstractContextManager[Any]:
        """A transaction, or a savepoint where one is open, that releases what it takes."""
        return self._connection.transaction(force_rollback=rollback_on_exit)

    def quote_identifier(self, s: str) -> str:
        """A quoted name; the tables of yoyo with their schema, so that no search_path matters."""
        tables = (self.migration_table, self.log_table, self.version_table, self.lock_table)
        quoted: str = super().quote_identifier(s)
        return f'"{self.schema}".{quoted}' if s in tables else quoted

    def list_tables(self, **_: Any) -> list[str]:
        """The tables in the schema `dbtool`."""
        rows: Iterable[tuple[str]] = self._connection.execute(
            "select relname from pg_catalog.pg_class"
            " where relnamespace = to_regnamespace(%s) and relkind = 'r'",
            (self.schema,),
        )
        return [name for (name,) in rows]

    def get_log_data(self, migration: Any = None, operation: str = "apply") -> dict[str, Any]:
        """One row of yoyo's log, without its DNS query for the host's name, for any user id."""
        return {
            "id": str(uuid.uuid1()),
            "migration_id": migration.id,
            "migration_hash": migration.hash,
            "username": user_name(),
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(timezone.utc).replace(tzinfo=None),
            "operation": operation,
        }
