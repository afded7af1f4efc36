"""Names without a schema in functions: a caller's, in pg_temp, or none, unless pg_catalog has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import postgast
from postgast import pg_query_pb2 as pg

from ..errors import Finding
from ..sql.execute import Connection
from ..sql.statements import Statement, creates, input_types, routine_body, unquote

_COMMENTS = (pg.SQL_COMMENT, pg.C_COMMENT)
# After these a FROM clause at the same depth of parentheses has ended.
_AFTER_FROM = (
    *("where", "group", "order", "having", "limit", "union", "select", "set", "returning", "loop", ";"),
)
_WITH_OWN_FROM = ("extract", "substring", "trim", "overlay", "position")
_NO_TABLE = ("lateral", "only", "rows", "select", "values", "unnest")
_NO_UPDATE = ("for", "do", "no", "key", "before", "after", "or", "share")
_NO_CALLER = (")", "as", "into", "table", "constraint", "::", "ordinality")
# PL/pgSQL's own words, before whose expression a parenthesis may stand.
_NO_CALL = ("if", "elsif", "elseif", "while", "return", "perform", "assert", "when", "until", "next", "query")


@dataclass(frozen=True)
class Used:
    """A name without a schema: what it is taken for, and the lines between the text's first and its own."""

    kind: str
    name: str
    lines: int


@dataclass(frozen=True)
class _Token:
    word: str
    """In lower case as it stands in the text, quotes included."""
    is_name: bool
    is_keyword: bool
    """One that may be a name as well, if `is_name`."""
    start: int


def in_plpgsql(text: str, lines: int) -> Iterator[Used]:
    """Relations, functions and types of casts named without a schema in the body of a function.

    `lines` is how many come before the body's first. Names of CTEs and temporary tables are given as `made`.
    """
    raw = text.encode()
    tokens = list(_tokens(raw, text))

    def used(kind: str, token: _Token) -> Used:
        name = unquote(token.word)
        return Used(kind, name, 0 if kind.startswith("made ") else lines + raw.count(b"\n", 0, token.start))

    clauses, openers = [False], [""]
    for place, token in enumerate(tokens):
        before = tokens[place - 1].word if place else ""
        earlier = tokens[place - 2].word if place > 1 else ""
        after = tokens[place + 1].word if place + 1 < len(tokens) else ""
        if token.word == "(":
            clauses.append(False)
            openers.append(before)
        elif token.word == ")" and len(clauses) > 1:
            clauses.pop()
            openers.pop()
        elif token.word in _AFTER_FROM:
            clauses[-1] = False
        elif token.word in ("from", "join"):
            clauses[-1] = before != "distinct" and openers[-1] not in _WITH_OWN_FROM
        if not token.is_name or before == "." or token.word in _NO_TABLE:
            continue
        begins_cte = after == "as" or (after == "(" and before in ("with", ","))
        if begins_cte and _is_cte(tokens, place):
            yield used("made relation", token)
            continue
        if after == ".":
            continue
        if before == "table" and earlier in ("temp", "temporary"):
            yield used("made relation", token)
        elif before == "::" and not token.is_keyword:
            yield used("type", token)
        elif _is_table(before, earlier, clauses[-1]) and (after != "(" or before == "into"):
            yield used("relation", token)
        elif after == "(" and _is_call(tokens, place):
            yield used("function", token)


def _tokens(raw: bytes, text: str) -> Iterator[_Token]:
    for token in postgast.scan(text).tokens:
        if token.token not in _COMMENTS:
            word = raw[token.start : token.end].decode()
            is_keyword = token.token != pg.IDENT
            is_name = not is_keyword or token.keyword_kind == pg.UNRESERVED_KEYWORD
            word = word if word.startswith('"') else word.lower()
            yield _Token(word, is_name, is_keyword, token.start)


def _is_table(before: str, earlier: str, in_from: bool) -> bool:
    """Whether a table stands after these two words."""
    if before in ("from", "join", ","):
        return in_from
    if before == "update":
        return earlier not in _NO_UPDATE
    return before == "into" and earlier in ("insert", "merge")


def _is_call(tokens: list[_Token], place: int) -> bool:
    """Whether a name before a parenthesis is a function's: not an alias with columns, not a type."""
    before, token = tokens[place - 1], tokens[place]
    is_alias = (not before.is_keyword and before.word not in _NO_CALL) or before.word in _NO_CALLER
    return not token.is_keyword and token.word not in _NO_CALL and not is_alias


def _begins_query(tokens: list[_Token], place: int) -> bool:
    words = [token.word for token in tokens[place : place + 3]]
    return words[:1] == ["("] or words[:2] == ["materialized", "("] or words[:2] == ["not", "materialized"]


def _is_cte(tokens: list[_Token], place: int) -> bool:
    """Whether `name AS (` or `name (column, …) AS (` stands here."""
    at = place + 1
    if tokens[at].word == "(":
        while at < len(tokens) and tokens[at].word != ")":
            at += 1
        at += 1
    return at < len(tokens) and tokens[at].word == "as" and _begins_query(tokens, at + 1)


RULE = "unqualified-name"
_SCRIPTS = ("schema.sql", "migrations/")
_THERE = """
select n.nspname, kind, name
  from pg_namespace n
  join (select relnamespace, 'relation', relname from pg_class
        union all select pronamespace, 'function', proname from pg_proc
        union all select typnamespace, 'type', typname from pg_type) o (schema, kind, name)
    on o.schema = n.oid
"""
# Each routine with the schemas of its own search_path.
_PATHS = """
select format('%I.%I', n.nspname, p.proname),
       array(select trim(both ' "' from part)
               from unnest(p.proconfig) setting, string_to_table(substr(setting, 13), ',') part
              where starts_with(setting, 'search_path='))
  from pg_proc p
  join pg_namespace n on n.oid = p.pronamespace and n.nspname not in ('pg_catalog', 'information_schema')
"""


def unqualified(conn: Connection, files: Mapping[str, Iterable[Statement]]) -> Iterator[Finding]:
    """Every name without a schema in the functions of the files, in their heads and bodies.

    Those of pg_catalog, and of the schemas in a function's own search_path, need none. Names of CTEs, of
    transition tables and of tables that functions make for the time of a transaction are none. A text that a
    later one replaced does not count, nor does one whose function is gone.
    """
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for schema, kind, name in conn.execute(_THERE):
        found[schema].add((kind, name))
    paths: dict[str, list[str]] = dict(conn.execute(_PATHS).fetchall())
    tables = {("relation", name) for each in files.values() for one in each for name in _transition(one)}
    last = {
        (name, input_types(statement)): (label, statement)
        for label, statements in files.items()
        for statement in statements
        if statement.kind == "create_function_stmt" and (name := creates(statement))
    }
    for (made, _), (label, statement) in last.items():
        if made.identity not in paths and label.startswith(_SCRIPTS):
            continue
        schemas = ("pg_catalog", *paths.get(made.identity, ()))
        known = tables.union(*(found.get(schema, ()) for schema in schemas))
        name = ".".join(part.string.sval for part in statement.node.funcname)
        used = [*_head(statement), *_body(statement)]
        local = {(each.kind.removeprefix("made "), each.name) for each in used if each.kind[:5] == "made "}
        for each in dict.fromkeys(used):
            if each.kind.startswith("made ") or (each.kind, each.name) in known | local:
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
