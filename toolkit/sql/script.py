"""A script's text: its statements, what its first comments say of how it runs, the line of an error."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DbtoolError, ScriptFailed

if TYPE_CHECKING:
    from psycopg.errors import Diagnostic

    from .statements import Statement

TRANSACTION_CONTROL = "transaction_stmt"
# How a statement begins that `refuse_unfit` may refuse; also one that begins with no word.
_SUSPECT = re.compile(
    r"abort|begin|commit|copy|end|lock|prepare|release|rollback|savepoint|set|start|\W", re.IGNORECASE
)
# BEGIN, START, COMMIT, ROLLBACK by their numbers; savepoints may be in a transaction of dbtool's.
_OWN_TRANSACTION = ("TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO")
_EXTENSION = re.compile(r'(?i)\bcreate\s+extension\s+(?:if\s+not\s+exists\s+)?("[^"]+"|\w+)')
_DO_FRAME = re.compile(r"\binline_code_block\D*?([0-9]+)")


def split(text: str, source: object = "script") -> list[Statement]:
    """The statements of a script. `source` is what errors call it: usually its path.

    Raises ScriptFailed (SQLSTATE 42601), naming source and line, for text that PostgreSQL's parser refuses.
    """
    from .statements import SyntaxProblem, parse

    try:
        return parse(text)
    except SyntaxProblem as error:
        raise _syntax_error(text, error.message, error.offset, source) from error


_OPEN_COPY = re.compile(r"(?i)\bcopy\b[^;]*\bfrom\s+stdin\b[^;]*;[^;]*\Z")


@lru_cache(maxsize=256)
def refuse_unfit(text: str, source: object, *, transactional: bool) -> None:
    """Nothing for a script that dbtool can run as it promises to; for a text that it has seen, at once.

    Raises DbtoolError, naming source and line, for syntax errors, psql's meta-commands, COPY without its
    rows, BEGIN, COMMIT and the like in a file that runs in one transaction, and SET LOCAL outside of one.
    """
    import postgast

    from .statements import client_side, takes_rows

    try:
        texts = postgast.split(client_side(text)[0])
    except postgast.PgQueryError as error:
        raise _syntax_error(text, error.message, max(error.cursorpos - 1, 0), source) from error
    if not any(_SUSPECT.match(each) for each in texts):
        return  # a parse tree takes five times as long
    in_block = transactional
    for statement in split(text, source):
        where = f"{source}:{statement.line}"
        if statement.kind == "copy_stmt" and not statement.node.filename and not statement.rows:
            takes = takes_rows("copy_stmt", statement.node)
            raise DbtoolError(
                f"{where}: COPY {'from stdin has no rows' if takes else 'to stdout'}",
                hint="The rows follow it, up to a line of \\. alone, as pg_dump writes them."
                if takes
                else "Nobody reads what it writes: use SELECT, or `dbtool psql`.",
            )
        if statement.kind == TRANSACTION_CONTROL:
            kind = type(statement.node).DESCRIPTOR.fields_by_name["kind"].enum_type
            name = kind.values_by_number[statement.node.kind].name
            if transactional and name not in _OWN_TRANSACTION:
                raise DbtoolError(
                    f"{where}: {statement.text.split()[0].upper()} in a file that runs in one transaction",
                    detail="It would break the promise that the file is applied as a whole or not at all.",
                    hint="Remove it, or make '-- transactional: false' the first line of the file.",
                )
            goes_on = name in ("TRANS_STMT_BEGIN", "TRANS_STMT_START", *_OWN_TRANSACTION)
            in_block = transactional or goes_on or statement.node.chain
        elif not in_block and (lost := _only_in_transaction(statement)):
            raise DbtoolError(
                f"{where}: {lost} has no effect here: each statement is a transaction of its own",
                hint="Write SET; dbtool puts it back when the file ends."
                if lost == "SET LOCAL"
                else "Write BEGIN and COMMIT around it and what it is meant for.",
            )


def _only_in_transaction(statement: Statement) -> str | None:
    """What a statement is called that does nothing outside of a transaction with others."""
    if statement.kind == "variable_set_stmt" and statement.node.is_local:
        return "SET LOCAL"
    if statement.kind == "variable_set_stmt" and statement.node.name == "TRANSACTION":
        return "SET TRANSACTION"
    return {"constraints_set_stmt": "SET CONSTRAINTS", "lock_stmt": "LOCK TABLE"}.get(statement.kind)


def extensions_in(texts: Iterable[str]) -> set[str]:
    """The extensions that texts make, as they are written."""
    return {name for text in texts for name in _EXTENSION.findall(text)}


def same_but_comments(one: str, other: str) -> bool:
    """Whether two texts differ in comments and white space alone; what stands in quotes counts as it is."""
    import postgast

    try:
        return one == other or _tokens(one) == _tokens(other)
    except postgast.PgQueryError:
        return False


def _tokens(text: str) -> list[bytes]:
    import postgast
    from postgast.pg_query_pb2 import Token

    from .statements import client_side

    text, rows = client_side(text)
    raw = text.encode()
    comments = (Token.SQL_COMMENT, Token.C_COMMENT)
    tokens = postgast.scan(text).tokens
    return [
        *(raw[token.start : token.end] for token in tokens if token.token not in comments),
        *(each.encode() for each in rows),
    ]


def line_at(text: str, offset: int) -> int:
    """The line, counted from 1, of a character offset."""
    return text.count("\n", 0, offset) + 1


def failing_line(
    text: str, statements: Sequence[Statement], completed: int, diagnostic: Diagnostic
) -> int | None:
    """The line of a script that a server's error is about, None when nothing says it.

    `completed` is how many of the statements had succeeded. The whole text was sent as one query, so
    positions count from its beginning.
    """
    if diagnostic.statement_position:
        return line_at(text, int(diagnostic.statement_position) - 1)
    if completed >= len(statements):
        return None
    statement = statements[completed]
    return statement.line + _lines_into(statement, diagnostic)


def _lines_into(statement: Statement, diagnostic: Diagnostic) -> int:
    """How many lines below the statement's first line the error lies, as far as the server says."""
    inner = statement.text.find(diagnostic.internal_query) if diagnostic.internal_query else -1
    if inner >= 0 and diagnostic.internal_position:
        # A function body, which PostgreSQL reports on its own when the script holds it more than once.
        return statement.text.count("\n", 0, inner + int(diagnostic.internal_position) - 1)
    frames = _DO_FRAME.findall(diagnostic.context or "")
    if statement.kind == "do_stmt" and frames:
        # PL/pgSQL counts lines from the one on which the body's opening quote stands.
        return statement.text.count("\n", 0, _body_offset(statement.text)) + int(frames[-1]) - 1
    return 0


def _body_offset(statement: str) -> int:
    """Where the first string constant of a statement begins, in characters; 0 when there is none."""
    import postgast
    from postgast.pg_query_pb2 import Token

    for token in postgast.scan(statement).tokens:
        if token.token == Token.SCONST:
            return len(statement.encode()[: token.start].decode())
    return 0


def _syntax_error(text: str, message: str, offset: int, source: object) -> ScriptFailed:
    line = line_at(text, offset)
    hint = None
    if text[offset : offset + 1] == "\\":
        command = text[offset:].split("\n", 1)[0].strip()
        message = f"psql's meta-command {command} is no SQL"
        hint = "Only SQL runs here: put the text in this file, or in a migration of its own."
    elif text[offset : offset + 1] == ":":
        hint = "psql's variables (:name) are not filled in here: write the value."
    elif _OPEN_COPY.search(text[:offset]):
        hint = "The rows of COPY … FROM stdin end with a line of \\. alone."
    return ScriptFailed(
        f"{source}:{line}: {message} (SQLSTATE 42601)",
        detail=excerpt(text, line),
        hint=hint,
        source=str(source),
        line=line,
        sqlstate="42601",
    )


def excerpt(text: str, line: int) -> str:
    """The text of one line with its number, for messages."""
    lines = text.split("\n")
    return f"{line} | {lines[line - 1].rstrip()[:200]}" if 0 < line <= len(lines) else ""


_DIRECTIVE = re.compile(
    r"--\s*(transactional|irreversible|lock_timeout|statement_timeout)\s*:\s*(.*)", re.IGNORECASE
)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, None: 1.0}


def is_transactional(text: str, path: Path) -> bool:
    """Whether a script runs in one transaction: unless its leading comments say `-- transactional: false`."""
    for line, value in _directives(text, "transactional"):
        if value.lower() not in ("true", "false"):
            raise DbtoolError(f"{path}:{line}: transactional must be true or false, not {value!r}")
        return value.lower() == "true"
    return True


def irreversible(text: str, path: Path) -> str | None:
    """Why a script cannot be undone, where its leading comments say so."""
    for line, value in _directives(text, "irreversible"):
        if not value:
            raise DbtoolError(f"{path}:{line}: irreversible needs a reason: -- irreversible: why")
        return value
    return None


def own_limits(text: str, path: Path) -> dict[str, float]:
    """The seconds that `-- lock_timeout: 2s` and `-- statement_timeout: 10min` give: `lock`, `statement`."""
    found: dict[str, float] = {}
    for name in ("lock_timeout", "statement_timeout"):
        for line, value in _directives(text, name):
            match = _DURATION.fullmatch(value.lower())
            if not match:
                raise DbtoolError(f"{path}:{line}: {name} must be a time such as 500ms, 2s, 5min or 0")
            found.setdefault(name.removesuffix("_timeout"), float(match[1]) * _SECONDS[match[2]])
    return found


def _directives(text: str, name: str) -> Iterator[tuple[int, str]]:
    for number, line in _leading_line_comments(text):
        match = _DIRECTIVE.fullmatch(line)
        if match and match[1].lower() == name:
            yield number, match[2].strip()


def _leading_line_comments(text: str) -> Iterator[tuple[int, str]]:
    """The `--` comments before the first statement with their line numbers; block comments are skipped."""
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
        elif text.startswith(("--", "\\restrict"), position):
            end = text.find("\n", position)
            end = len(text) if end < 0 else end
            yield text.count("\n", 0, position) + 1, text[position:end].rstrip()
            position = end
        elif text.startswith("/*", position):
            position = _block_comment_end(text, position)
        else:
            return


def _block_comment_end(text: str, start: int) -> int:
    """Where the block comment that begins at `start` ends; PostgreSQL nests them."""
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(text, start):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)
