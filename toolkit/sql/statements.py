"""SQL text taken apart with PostgreSQL's own parser: statements with their line, and what each is about."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import postgast
from postgast import pg_query_pb2 as pg

ObjectKind = Literal["routine", "relation", "trigger", "event trigger", "other"]

_COMMENT_TOKENS = (pg.SQL_COMMENT, pg.C_COMMENT)
_OUTPUTS = (pg.FUNC_PARAM_OUT, pg.FUNC_PARAM_TABLE)
_ALONE = re.compile(
    "(transaction|alter_(database|subscription|system)|createdb|dropdb|call|do"
    "|(create|drop)_(subscription|table_space))_stmt"
)
_DISCARD_ALL = 1
_ROUTINES = (pg.OBJECT_FUNCTION, pg.OBJECT_PROCEDURE, pg.OBJECT_ROUTINE, pg.OBJECT_AGGREGATE)
_RELATIONS = (pg.OBJECT_TABLE, pg.OBJECT_VIEW, pg.OBJECT_MATVIEW, pg.OBJECT_SEQUENCE, pg.OBJECT_INDEX)


@dataclass(frozen=True, order=True)
class Name:
    """What files are compared by: a routine without its arguments, a view, a trigger with its table."""

    kind: ObjectKind
    identity: str

    def __str__(self) -> str:
        return self.identity if self.kind in ("routine", "relation") else f"{self.kind} {self.identity}"


@dataclass(frozen=True)
class Statement:
    """One statement, without the `;` that ends it."""

    kind: str
    """The parser's name for it: `select_stmt`, `create_function_stmt`, `transaction_stmt` …"""
    node: Any
    text: str
    comment: str
    """The comment right above it."""
    line: int
    """Line of its first token, counted from 1."""
    offset: int
    """Where it begins in the script, in characters."""
    rows: tuple[str, ...] = ()
    """What follows it for COPY … FROM stdin."""

    @property
    def is_alone(self) -> bool:
        """Whether PostgreSQL refuses it in a transaction with others, or it may end transactions itself."""
        node, kind = self.node, self.kind
        if kind in ("index_stmt", "drop_stmt"):
            return bool(node.concurrent)
        if kind == "reindex_stmt":
            return bool(node.name) or any(each.def_elem.defname == "concurrently" for each in node.params)
        if kind == "vacuum_stmt":
            return bool(node.is_vacuumcmd)
        if kind == "cluster_stmt":
            return not node.HasField("relation")
        if kind == "discard_stmt":
            return int(node.target) == _DISCARD_ALL
        if kind == "alter_table_stmt":
            commands = (getattr(each.alter_table_cmd, "def") for each in node.cmds)
            return any(each.partition_cmd.concurrent for each in commands)
        return _ALONE.fullmatch(kind) is not None


Span = tuple[int, int]


class SyntaxProblem(Exception):  # noqa: N818
    """Text that PostgreSQL's parser refuses, with the 1-based line and the offset in characters."""

    def __init__(self, line: int, message: str, offset: int) -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.offset = offset


_RESTRICT = re.compile(r"(?m)^\\(?:un)?restrict\b.*$")
_COPY = re.compile(r'(?i)(?<![\w."$])copy\b[^;]*?\bfrom\s+stdin\b[^;]*;[^\n]*\n')
_END_OF_ROWS = re.compile(r"(?m)^\\\.[ \t]*$\n?")


def client_side(text: str) -> tuple[str, tuple[str, ...]]:
    r"""A text for the server, and what psql would send it beside: the rows after each COPY … FROM stdin.

    They, and the lines \\restrict and \\unrestrict that pg_dump writes, are blanks of the same length in it.
    """
    if "\n\\" not in text and not text.startswith("\\"):
        return text, ()
    parts, rows, done, seen = [], [], 0, 0
    while copy := _COPY.search(text, seen):
        seen = copy.end()
        end = _END_OF_ROWS.search(text, seen)
        if end is None:
            break
        if not _begins_statement(_RESTRICT.sub(_blank, text[done : copy.start()])):
            continue  # it stands in a quoted text, or in a comment
        rows.append(text[seen : end.start()])
        parts += [text[done:seen], _blank(text[seen : end.end()])]
        done = seen = end.end()
    return _RESTRICT.sub(_blank, "".join([*parts, text[done:]])), tuple(rows)


def _begins_statement(before: str) -> bool:
    """Whether a statement begins behind this text."""
    try:
        tokens = postgast.scan(before).tokens
    except postgast.PgQueryError:
        return False
    code = [token for token in tokens if token.token not in _COMMENT_TOKENS]
    in_comment = tokens and tokens[-1].token == pg.SQL_COMMENT and tokens[-1].end == len(before.encode())
    return not in_comment and (not code or code[-1].token == pg.ASCII_59)


def _blank(part: str | re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", part if isinstance(part, str) else part[0])


def parse(text: str) -> list[Statement]:
    """The statements of an SQL file. Raises SyntaxProblem."""
    text, rows = client_side(text)
    left = iter(rows)
    raw = text.encode()
    try:
        tree = postgast.parse(text)
        tokens = postgast.scan(text).tokens
    except postgast.PgQueryError as error:
        position = max(error.cursorpos - 1, 0)
        raise SyntaxProblem(text.count("\n", 0, position) + 1, error.message, position) from error
    comments = [(token.start, token.end) for token in tokens if token.token in _COMMENT_TOKENS]
    found = []
    end = seen = offset = line = 0
    for parsed in tree.stmts:
        start, previous_end = parsed.stmt_location, end
        end = start + parsed.stmt_len if parsed.stmt_len else len(raw)
        start = _first_token(raw, start, comments)
        skipped = raw[seen:start].decode()  # the parser counts bytes, everything else here characters
        seen, offset, line = start, offset + len(skipped), line + skipped.count("\n")
        kind = parsed.stmt.WhichOneof("node") or ""
        above = _comment_above(raw, previous_end, start, comments)
        node = getattr(parsed.stmt, kind, None)
        own = (next(left, ""),) if rows and takes_rows(kind, node) else ()
        found.append(Statement(kind, node, raw[start:end].decode().rstrip(), above, line + 1, offset, own))
    return found


def takes_rows(kind: str, node: Any) -> bool:
    """Whether a statement is COPY … FROM stdin."""
    return kind == "copy_stmt" and node.is_from and not node.filename


def creates(statement: Statement) -> Name | None:
    """The routine, view or trigger that the statement creates or replaces."""
    node = statement.node
    if statement.kind == "create_function_stmt":
        return Name("routine", qualified(_strings(node.funcname)))
    if statement.kind == "define_stmt" and node.kind == pg.OBJECT_AGGREGATE:
        return Name("routine", qualified(_strings(node.defnames)))
    if statement.kind == "view_stmt":
        return Name("relation", relation_name(node.view))
    if statement.kind == "create_table_as_stmt" and node.objtype == pg.OBJECT_MATVIEW:
        return Name("relation", relation_name(node.into.rel))
    if statement.kind == "create_trig_stmt":
        return Name("trigger", f"{quote(node.trigname)} on {relation_name(node.relation)}")
    if statement.kind == "create_event_trig_stmt":
        return Name("event trigger", quote(node.trigname))
    return None


def input_types(statement: Statement) -> tuple[str, ...] | None:
    """The input types of a function or procedure that the statement creates.

    None when it creates something else, and when a type is given as `table.column%type`.
    """
    if statement.kind != "create_function_stmt":
        return None
    parameters = [node.function_parameter for node in statement.node.parameters]
    types = [parameter.arg_type for parameter in parameters if parameter.mode not in _OUTPUTS]
    if any(type_.pct_type for type_ in types):
        return None
    return tuple(
        ".".join(map(quote, _strings(type_.names))) + "[]" * bool(type_.array_bounds) for type_ in types
    )


@dataclass(frozen=True)
class Body:
    """The text of a function, and how many lines of its statement come before it."""

    language: str
    text: str
    lines_before: int


def routine_body(statement: Statement) -> Body | None:
    """The body of a function that the statement creates; None for one in standard SQL and for others."""
    if statement.kind != "create_function_stmt":
        return None
    options = {each.def_elem.defname: each.def_elem.arg for each in statement.node.options}
    if "as" not in options:
        return None
    language = options["language"].string.sval if "language" in options else "sql"
    text = options["as"].list.items[0].string.sval
    return Body(language, text, statement.text.count("\n", 0, max(statement.text.find(text), 0)))


def replaces(statement: Statement) -> bool:
    """Whether a creating statement may be run again: it says `or replace`, or its kind has no such form."""
    if statement.kind in ("create_function_stmt", "view_stmt", "define_stmt"):
        return bool(statement.node.replace)
    return statement.kind != "create_trig_stmt" or statement.node.isconstraint or bool(statement.node.replace)


def concerns(statement: Statement) -> list[Name] | None:
    """What a statement that creates nothing is about; None for a statement of another kind."""
    node = statement.node
    if statement.kind == "comment_stmt":
        return [_object(node.objtype, node.object)]
    if statement.kind == "grant_stmt":
        if node.targtype != pg.ACL_TARGET_OBJECT:
            return None
        return [_object(node.objtype, item) for item in node.objects]
    if statement.kind == "alter_owner_stmt":
        if node.HasField("relation"):
            return [Name("relation", relation_name(node.relation))]
        return [_object(node.object_type, node.object)]
    if statement.kind == "alter_function_stmt":
        return [Name("routine", qualified(_strings(node.func.objname)))]
    if statement.kind in ("alter_table_stmt", "index_stmt", "rule_stmt"):
        return [Name("relation", relation_name(node.relation))]
    if statement.kind == "alter_event_trig_stmt":
        return [Name("event trigger", quote(node.trigname))]
    return None


def table_of(name: Name) -> str:
    """The table of a trigger."""
    return name.identity.split(" on ", 1)[1]


def simple_name(name: Name) -> str:
    """The name alone, without schema, table and quotes: what a file should be called."""
    if name.kind == "trigger":
        return unquote(name.identity.split(" on ", 1)[0])
    return unquote(split_qualified(name.identity)[-1])


def split_qualified(identity: str) -> list[str]:
    """The parts of a qualified name, still quoted."""
    parts, inside, current = [], False, ""
    for character in identity:
        if character == '"':
            inside = not inside
        if character == "." and not inside:
            parts.append(current)
            current = ""
        else:
            current += character
    return [*parts, current]


def qualified(parts: Iterable[str]) -> str:
    """schema.name, quoted as PostgreSQL would; a bare name is taken to be in public."""
    names = list(parts)
    return ".".join(quote(part) for part in (names if len(names) > 1 else ["public", *names]))


@lru_cache(maxsize=4096)
def quote(name: str) -> str:
    """The name as PostgreSQL's quote_ident prints it."""
    plain = name.isascii() and name.isidentifier() and name == name.lower()
    if plain:
        token = postgast.scan(name).tokens[0]
        if token.keyword_kind in (pg.NO_KEYWORD, pg.UNRESERVED_KEYWORD):
            return name
    return '"' + name.replace('"', '""') + '"'


def unquote(name: str) -> str:
    """The name itself."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _object(kind: int, node: Any) -> Name:
    """The object that COMMENT, GRANT or ALTER OWNER names."""
    which = node.WhichOneof("node")
    if which == "range_var":
        return Name("relation" if kind in _RELATIONS else "other", relation_name(node.range_var))
    if which == "object_with_args":
        named: ObjectKind = "routine" if kind in _ROUTINES else "other"
        return Name(named, qualified(_strings(node.object_with_args.objname)))
    if which == "string":
        return Name("event trigger" if kind == pg.OBJECT_EVENT_TRIGGER else "other", quote(node.string.sval))
    parts = list(_strings(node.list.items)) if which == "list" else []
    if kind == pg.OBJECT_TRIGGER:
        return Name("trigger", f"{quote(parts[-1])} on {qualified(parts[:-1])}")
    if kind == pg.OBJECT_RULE or kind == pg.OBJECT_COLUMN:
        return Name("relation", qualified(parts[:-1]))
    return Name("relation" if kind in _RELATIONS else "other", qualified(parts))


def _strings(nodes: Any) -> Iterator[str]:
    for node in nodes:
        yield node.string.sval


def relation_name(node: Any) -> str:
    """The name of a relation in a parse tree."""
    return qualified([node.schemaname, node.relname] if node.schemaname else [node.relname])


def _first_token(raw: bytes, start: int, comments: Sequence[Span]) -> int:
    """The position of the statement's first token: after white space and comments."""
    for index in range(bisect_left(comments, (start, 0)), len(comments)):
        comment, end = comments[index]
        if raw[start:comment].strip():
            break
        start = end
    while start < len(raw) and raw[start : start + 1].isspace():
        start += 1
    return start


def _comment_above(raw: bytes, previous_end: int, start: int, comments: Sequence[Span]) -> str:
    """The comment that ends on the line above the statement, without a blank line between its parts."""
    block = start
    between = slice(bisect_left(comments, (previous_end, 0)), bisect_left(comments, (start, 0)))
    for comment, end in reversed(comments[between]):
        gap = raw[end:block]
        line_start = raw.rfind(b"\n", 0, comment) + 1
        if gap.strip() or gap.count(b"\n") > 1 or raw[line_start:comment].strip():
            break
        block = comment
    return raw[block:start].decode().strip()
