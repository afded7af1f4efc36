"""Names without a schema in functions: a caller's, in pg_temp, or none, unless pg_catalog has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import postgast
from postgast import pg_query_pb2 as pg

from toolkit.findings import Finding
from toolkit.lint.tokens import Used, in_plpgsql
from toolkit.sql.statements import Statement, routine_body

if TYPE_CHECKING:
    from psycopg import Connection

RULE = "unqualified-name"
_BUILT_IN = """
select 'relation', relname::text from pg_class where relnamespace = 'pg_catalog'::regnamespace
union all select 'function', proname::text from pg_proc where pronamespace = 'pg_catalog'::regnamespace
union all select 'type', typname::text from pg_type where typnamespace = 'pg_catalog'::regnamespace
"""


def built_in(conn: Connection[Any]) -> frozenset[tuple[str, str]]:
    """The relations, functions and types that need no schema."""
    return frozenset(conn.execute(_BUILT_IN).fetchall())


def unqualified(
    files: Mapping[str, Iterable[Statement]], known: frozenset[tuple[str, str]]
) -> Iterator[Finding]:
    """Every name without a schema in the functions of the files, in their heads and bodies.

    `known` are those of pg_catalog. Names of CTEs, of transition tables and of tables that functions make
    for the time of a transaction are none.
    """
    tables = {("relation", name) for each in files.values() for one in each for name in _transition(one)}
    for label, statements in files.items():
        for statement in statements:
            if statement.kind != "create_function_stmt":
                continue
            name = ".".join(part.string.sval for part in statement.node.funcname)
            used = [*_head(statement), *_body(statement)]
            local = {
                (each.kind.removeprefix("made "), each.name) for each in used if each.kind[:5] == "made "
            }
            for each in dict.fromkeys(used):
                if each.kind.startswith("made ") or (each.kind, each.name) in known | tables | local:
                    continue
                message = (
                    f"{each.kind} {each.name} is named without its schema:"
                    " pg_catalog does not have it, and pg_temp is the caller's"
                )
                line = statement.line + each.lines
                yield Finding("lint", label, line, f"function {name}", message, RULE)


def _transition(statement: Statement) -> Iterator[str]:
    if statement.kind == "create_trig_stmt":
        yield from (each.trigger_transition.name for each in statement.node.transition_rels)


def _head(statement: Statement) -> Iterator[Used]:
    """Names in the types of arguments and result, and in defaults."""
    for part in (*statement.node.parameters, statement.node.return_type):
        yield from _walk(part, "", 0)


def _body(statement: Statement) -> Iterator[Used]:
    body = routine_body(statement)
    if body is None:
        yield from _walk(statement.node.sql_body, "", 0)
    elif body.language == "sql":
        yield from _names(body.text, body.lines_before)
    elif body.language == "plpgsql":
        yield from in_plpgsql(body.text, body.lines_before)


def _names(text: str, lines: int) -> Iterator[Used]:
    """The names in a text that PostgreSQL's parser takes; in one that it does not, none."""
    try:
        tree = postgast.parse(text)
    except postgast.PgQueryError:
        return
    yield from _walk(tree, text, lines)


def _walk(node: Any, text: str, lines: int) -> Iterator[Used]:
    """Names in a parse tree, with those that it makes itself (`made …`)."""
    if isinstance(node, pg.RangeVar) and not node.schemaname:
        yield Used("relation", node.relname, lines + _lines_at(text, node.location))
    elif isinstance(node, pg.FuncCall) and len(node.funcname) == 1:
        yield Used("function", node.funcname[0].string.sval, lines + _lines_at(text, node.location))
    elif isinstance(node, pg.TypeName) and len(node.names) == 1 and not node.pct_type:
        yield Used("type", node.names[0].string.sval, lines + _lines_at(text, node.location))
    elif isinstance(node, pg.CommonTableExpr):
        yield Used("made relation", node.ctename, 0)
    elif isinstance(node, pg.CreateStmt) and node.relation.relpersistence == "t":
        yield Used("made relation", node.relation.relname, 0)
    elif isinstance(node, pg.CreateTableAsStmt) and node.into.rel.relpersistence == "t":
        yield Used("made relation", node.into.rel.relname, 0)
    for field, value in node.ListFields():
        if field.message_type is None:
            continue
        for each in value if field.is_repeated else (value,):
            yield from _walk(each, text, lines)


def _lines_at(text: str, location: int) -> int:
    return text.encode()[: max(location, 0)].count(b"\n")
