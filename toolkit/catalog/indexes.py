"""Invalid indexes: what CREATE INDEX CONCURRENTLY leaves when it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.sql.execute import Connection

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
