"""The errors that dbtool shows to its user, and how they become exit codes.

Services raise these; only the boundary in `cli.py` prints them. The exit codes are public: see docs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import psycopg


class DbtoolError(Exception):
    """A failure that the user can understand and act on. Exit code 1 unless a subclass says otherwise."""

    exit_code: int = 1

    def __init__(
        self,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        exit_code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.hint = hint
        if exit_code is not None:
            self.exit_code = exit_code

    def as_json(self) -> dict[str, str | int | None]:
        """The same for programs."""
        shown = {"message": self.message, "detail": self.detail, "hint": self.hint}
        return {**shown, "exit_code": self.exit_code}

    def lines(self) -> list[str]:
        """The text for the user: `error:`, `detail:` and `hint:` lines; further lines are indented."""
        parts = [("error", self.message), ("detail", self.detail), ("hint", self.hint)]
        return [f"{label}: {text.strip().replace(chr(10), chr(10) + '  ')}" for label, text in parts if text]


class ScriptFailed(DbtoolError):  # noqa: N818
    """A script could not be run. Says where: `source` and, when it is known, `line`; and `sqlstate`."""

    def __init__(
        self,
        message: str,
        *,
        source: str,
        line: int | None = None,
        sqlstate: str | None = None,
        detail: str | None = None,
        hint: str | None = None,
        exit_code: int | None = None,
    ) -> None:
        super().__init__(message, detail=detail, hint=hint, exit_code=exit_code)
        self.source = source
        self.line = line
        self.sqlstate = sqlstate


class UsageProblem(DbtoolError):  # noqa: N818
    """The command line asks for something that cannot be asked for."""

    exit_code = 2


class PendingMigrations(DbtoolError):  # noqa: N818
    """The database lacks migrations that the project has."""

    exit_code = 3


class HistoryProblem(DbtoolError):  # noqa: N818
    """What was applied and what the project holds contradict each other: edited, missing or late."""

    exit_code = 4


class Drift(DbtoolError):  # noqa: N818
    """The database is not what was applied to it builds."""

    exit_code = 4
    found: Sequence[Any] = ()
    """The differences."""


class LockTimeout(DbtoolError):  # noqa: N818
    """Another session held a lock for longer than this run was told to wait."""

    exit_code = 5


class CheckFailed(DbtoolError):  # noqa: N818
    """A check found something wrong with the project."""

    exit_code = 6


def counted(number: int, what: str) -> str:
    """Such as `1 finding`, `2 findings`."""
    return f"{number} {what}{'s' * (number != 1)}"


def summed(names: Sequence[str], at_most: int = 5) -> str:
    """A list for a message, cut when it is long: `a, b, c and 67 more`."""
    rest = len(names) - at_most
    shown = ", ".join(names if rest <= 1 else names[:at_most])
    return shown if rest <= 1 else f"{shown} and {rest} more"


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names what is spelled nearly like that; None when nothing is."""
    import difflib

    near = difflib.get_close_matches(word.lower(), list(known), 3, 0.6)
    return f"Did you mean {' or '.join(near)}?" if near else None


# What a refusal of PostgreSQL's names, and the privilege that would have been enough.
_DENIED = re.compile(
    r"""(?x) permission\ denied\ (?:for\ (?P<kind>schema|database|tablespace|table|view|sequence|function|type
        |language|foreign\ server|foreign-data\ wrapper)\ (?P<name>.+)|to\ set\ parameter\ "(?P<setting>.+)"
        |to\ set\ role\ "(?P<set>.+)"|to\ (?P<make>create)\ role)
      | must\ be\ (?:member\ of|able\ to\ SET)\ (?:ROLE|role)\ "(?P<member>.+)\""""
)
_WANTED = {
    **dict.fromkeys(("type", "sequence", "language", "foreign server", "foreign-data wrapper"), "usage"),
    "schema": "usage, create",
    "database": "create",
    "tablespace": "create",
    "function": "execute",
}


def grant_hint(message: str, role: str | None, statement: str = "") -> str | None:
    """What an administrator has to run, as far as PostgreSQL's message says what was missing."""
    found = _DENIED.search(message)
    if not found:
        return None
    kind, to = found["kind"], "ROLE (who connects)" if role is None else _quoted(role)
    if kind in ("table", "view"):
        verbs = ("references", "insert", "update", "delete", "truncate")
        wanted = next((verb for verb in verbs if verb in statement.lower()), "select")
        grants = [f"{wanted} on {_quoted(found['name'])}"]
    elif kind == "schema" and found["name"].startswith("dbtool"):
        grants = [f"usage on schema {found['name']}", f"select on all tables in schema {found['name']}"]
    elif kind:
        grants = [f"{_WANTED[kind]} on {kind.replace('-', ' ')} {_quoted(found['name'])}"]
    elif found["setting"]:
        grants = [f"set on parameter {found['setting']}"]
    elif found["make"]:
        return f"An administrator has to run: alter role {to} createrole;"
    else:
        grants = [_quoted(found["set"] or found["member"])]
    return f"An administrator has to run: {' '.join(f'grant {each} to {to};' for each in grants)}"


def _quoted(name: str) -> str:
    name = name.strip()
    return name if re.fullmatch(r"[a-z_][\w.$]*", name) else f'"{name}"'


def from_psycopg(error: psycopg.Error) -> DbtoolError:
    """The same failure as a DbtoolError: the server's message, SQLSTATE, DETAIL, CONTEXT and HINT."""
    diagnostics = error.diag
    message = diagnostics.message_primary or str(error).strip() or type(error).__name__
    if error.sqlstate:
        message += f" (SQLSTATE {error.sqlstate})"
    detail = "\n".join(part for part in (diagnostics.message_detail, diagnostics.context) if part)
    hint = diagnostics.message_hint or grant_hint(diagnostics.message_primary or "", None)
    return DbtoolError(message, detail=detail or None, hint=hint)


_SECRETS = (
    # user:password@ of a URL
    (re.compile(r"(\b\w+://[^\s:/@]*:)[^\s]{0,2000}(?=@)"), r"\1***"),
    # password 'x', "token": "x", secret => $$x$$; also where the text ends before the quote does
    (
        re.compile(
            r"""(?ix)(\b\w*(?:passw(?:or)?d|passphrase|secret|token|api_?key)\w*["']?\s*(?:=>|:=|=|:)?\s*)
            (?:''[^'\s][^']*(?:''|$) | \b(?:e|n|u&)?'(?:[^'\\]|\\.|'')*(?:'|$) | '(?:[^'\\]|\\.|'')*(?:'|$)
               | (?<=[=:\ ])"(?:[^"\\]|\\.)*(?:"|$) | \$(\w*)\$.*?(?:\$\2\$|$))""",
            re.DOTALL,
        ),
        r"\1***",
    ),
    # password=x of a connection string
    (
        re.compile(
            r"""(?i)(\b\w*(?:passw(?:or)?d|passphrase)\s*=\s*
            |\b(?:oauth_client_secret|scram_(?:client|server)_key)\s*=\s*)(?!\*\*\*)[^\s&'"]+""",
            re.VERBOSE,
        ),
        r"\1***",
    ),
    # verifiers as PostgreSQL keeps them, and tokens
    (re.compile(r"(SCRAM-SHA-256\$)\d+:[\w+/=]+(?:\$[\w+/=:]*)?"), r"\1***"),
    (re.compile(r"\bmd5[0-9a-f]{32}\b"), "md5***"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"), "***"),
)


def mask_secrets(text: str) -> str:
    """The text with `***` for passwords of connection strings and of SQL, verifiers and tokens."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


OWN_RULES = (
    *("function-comment", "function-search-path", "function-jit", "function-public", "function-overload"),
    *("unqualified-name", "table-comment", "foreign-key-index", "leading-column", "plpgsql", "silence"),
    *("rollback-missing", "rollback-exact", "source-form", "base-object"),
)
"""The rules about what scripts build, as opposed to squawk's about how they do it."""
Area = Literal["script", "source", "drift", "rollback", "shipped", "convention", "lint"]


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong: in which part of the check, where, with which object, and why."""

    area: Area
    file: str | None
    line: int | None
    object: str | None
    message: str
    rule: str | None = None
    """What a comment may silence it by (see toolkit.lint.silences); None for what cannot be silenced."""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.file and self.line else self.file
        rule = f" [{self.rule}]" if self.rule else ""
        return ": ".join(part for part in (where, self.object, self.message) if part) + rule

    def as_json(self) -> dict[str, str | int | None]:
        return asdict(self)
