"""Names without a schema in PL/pgSQL, found by PostgreSQL's own scanner.

libpg_query can parse PL/pgSQL too, but neither types of user schemas nor trigger functions reliably.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import postgast
from postgast import pg_query_pb2 as pg

from toolkit.sql.statements import unquote

_COMMENTS = (pg.SQL_COMMENT, pg.C_COMMENT)
# After these a FROM clause at the same depth of parentheses has ended.
_AFTER_FROM = (
    "where",
    "group",
    "order",
    "having",
    "limit",
    "union",
    "select",
    "set",
    "returning",
    "loop",
    ";",
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
