"""What statements do that run in transactions of their own, as PostgreSQL documents it.

Their locks are gone when they end, so that nobody can look at them from within.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import postgast

from toolkit.sql.execute import Connection
from toolkit.sql.script import Statement
from toolkit.sql.statements import quote

_CONCURRENT = "ShareUpdateExclusiveLock"
# The table itself, or the one of an index.
_TABLE = """
select coalesce(i.indrelid, c.oid)
  from pg_catalog.pg_class c left join pg_catalog.pg_index i on i.indexrelid = c.oid
 where c.oid = to_regclass(%s)
"""

Documented = tuple[dict[str, str], set[str], set[str]]


def documented(clone: Connection, statement: Statement, known: Mapping[int, str]) -> Documented:
    """The strongest lock per table, the tables that are rewritten, and those that are read as a whole.

    Of the tables in `known` (name by oid) alone. Ask before the statement runs: it may drop the index.
    """
    node = postgast.parse(statement.text).stmts[0].stmt
    found = set()
    for name in _names(statement.kind, node):
        row = clone.execute(_TABLE, [name]).fetchone()
        if row is not None and row[0] in known:
            found.add(known[row[0]])
    if statement.kind == "vacuum_stmt":
        options = {option.def_elem.defname for option in node.vacuum_stmt.options}
        if "full" in options:
            return dict.fromkeys(found, "AccessExclusiveLock"), found, set()
    scans = found if statement.kind in ("index_stmt", "reindex_stmt", "vacuum_stmt") else set()
    return dict.fromkeys(found, _CONCURRENT), set(), scans


def _names(kind: str, node: Any) -> list[str]:
    """The tables and indexes that the statement names, quoted as far as they were."""
    if kind == "drop_stmt":
        parts = [[item.string.sval for item in each.list.items] for each in node.drop_stmt.objects]
    elif kind == "vacuum_stmt":
        parts = [[each.vacuum_relation.relation.schemaname, each.vacuum_relation.relation.relname]
                 for each in node.vacuum_stmt.rels]  # fmt: skip
    elif kind in ("index_stmt", "reindex_stmt", "alter_table_stmt"):
        relation = getattr(node, kind).relation
        parts = [[relation.schemaname, relation.relname]]
    else:
        parts = []
    return [".".join(quote(part) for part in each if part) for each in parts if any(each)]
