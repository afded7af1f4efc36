"""What a statement that works concurrently leaves when it is stopped: an invalid index."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sql.execute import Connection
    from ..sql.statements import Statement

# Partitioned indexes are invalid until every partition has its own; those being built now become valid.
_READ = """
select n.nspname, c.relname, i.indrelid, i.indrelid::regclass::text,
       format('%%I.%%I', n.nspname, c.relname)
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where not i.indisvalid and c.relkind = 'i' and n.nspname <> 'pg_toast'
   and not exists (select from pg_catalog.pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
   and (%(table)s::text is null or i.indrelid = to_regclass(%(table)s::text))
 order by 1, 2
"""


@dataclass(frozen=True)
class InvalidIndex:
    """An index that is kept up to date, slowing writes, and never read."""

    schema: str
    name: str
    table_oid: int
    table: str
    identity: str
    """schema.name, quoted where needed."""

    @property
    def drop(self) -> str:
        """The statement that removes it; nobody waits for it."""
        return f"drop index concurrently {self.identity};"

    def __str__(self) -> str:
        return f"the index {self.identity} of {self.table} is invalid: `{self.drop}`, or reindex it"


def invalid_indexes(connection: Connection, table: str | None = None) -> list[InvalidIndex]:
    """The invalid indexes of the database, or of one table, by name; writes nothing."""
    rows = connection.execute(_READ, {"table": table}).fetchall()
    return [InvalidIndex(*row) for row in rows]


_HALF_REINDEXED = re.compile(r"_cc(new|old)[0-9]*$")


def left_by(connection: Connection, statement: Statement) -> list[InvalidIndex]:
    """The invalid indexes that the statement, stopped on its way, has left in the database."""
    if not statement.is_alone:
        return []
    if statement.kind == "reindex_stmt":
        return [index for index in invalid_indexes(connection) if _HALF_REINDEXED.search(index.name)]
    if statement.kind != "index_stmt":
        return []
    name, table = _index(statement)
    return [index for index in invalid_indexes(connection, table) if not name or index.name == name]


def has_ended(connection: Connection, statement: Statement) -> bool:
    """Whether the index that the statement makes is there and valid: it had ended when it was stopped."""
    if statement.kind != "index_stmt":
        return False
    name, table = _index(statement)
    row = connection.execute(
        "select exists (select from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indexrelid"
        " where i.indrelid = to_regclass(%s) and c.relname = %s and i.indisvalid)",
        (table, name),
    ).fetchone()
    return row == (True,)


def _index(statement: Statement) -> tuple[str, str]:
    """The name of the index, empty where PostgreSQL chooses it, and its table as it is written, quoted."""
    from ..sql.statements import quote

    node = statement.node
    parts = [node.relation.schemaname, node.relation.relname]
    return node.idxname, ".".join(quote(part) for part in parts if part)
