"""What a statement that works concurrently leaves when it is stopped: an invalid index."""

from __future__ import annotations

import re

import postgast

from toolkit.catalog.indexes import InvalidIndex, invalid_indexes
from toolkit.sql.execute import Connection
from toolkit.sql.script import Statement
from toolkit.sql.statements import quote

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
    node = postgast.parse(statement.text).stmts[0].stmt.index_stmt
    parts = [node.relation.schemaname, node.relation.relname]
    return node.idxname, ".".join(quote(part) for part in parts if part)
